"""kfp's own local runner executes the compiled pipeline in containers of the image: drawn CSV -> pushed model, twice.

Needs podman, the right to build with it, and the images that kubeflow/Dockerfile begins with: docs/proof.md. It takes
what that runner says of a task for nothing: with podman a container that failed counts as done.
"""

import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from dockerfile import DOCKERFILE, ROOT, read_stages
from small_run import SETTINGS

from components.serving_probe import make_requests, read_examples
from fer_tfx.contract import PROBABILITIES_KEY, SERVE_EXAMPLES
from pipeline.runners.compiled import read_compiled
from schema.drawn_faces import DrawnCsvs

RUNNER = Path(__file__).with_name("kfp_runner.py")
# Of a training that is to come to the same bits elsewhere.
SAME = {**SETTINGS, "trainer.threads": "1", "trainer.precision": "float32"}


@pytest.fixture(scope="module")
def image() -> str:
    """The image, built from kubeflow/Dockerfile once for the same content."""
    if not shutil.which("podman"):
        pytest.skip("no podman: apt-get install podman")
    image = f"localhost/fer-tfx:{compute_digest_of_content()}"
    if podman("image", "exists", image).returncode == 0:
        return image
    for base in sorted({stage.base for stage in read_stages()}):
        if podman("image", "exists", base).returncode and podman("pull", "--quiet", base).returncode:
            pytest.skip(f"{base} is neither here nor can it be pulled; tests/slow/stand_in_images.sh makes stand-ins")
    done = podman("build", "--network=host", "--file", DOCKERFILE, "--tag", image, ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    return image


def compute_digest_of_content() -> str:
    """Of all that comes into the image from here."""
    sources = [ROOT / each for stage in read_stages() for each in stage.copied()]
    files = [file for each in sources for file in ([each] if each.is_file() else each.rglob("*"))]
    digest = hashlib.sha256(DOCKERFILE.read_bytes())
    for file in sorted(each for each in files if each.is_file() and "__pycache__" not in each.parts):
        digest.update(bytes(file.relative_to(ROOT)) + file.read_bytes())
    return digest.hexdigest()[:16]


@pytest.fixture(scope="module")
def socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where podman answers as Docker does."""
    path = tmp_path_factory.mktemp("podman") / "podman.sock"
    service = subprocess.Popen(["podman", "system", "service", "--time=0", f"unix://{path}"])
    while not path.exists():
        assert service.poll() is None, "podman's service ended"
        time.sleep(0.1)
    yield f"unix://{path}"
    service.terminate()
    service.wait()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, drawn: DrawnCsvs) -> Path:
    """With the data; the image's user writes here, too."""
    path = tmp_path_factory.mktemp("kfp")
    path.chmod(0o777)
    shutil.copy(drawn.labelled_path, path / "train.csv")
    shutil.copy(drawn.unlabelled_path, path / "test.csv")
    return path


@pytest.fixture(scope="module")
def compiled(image: str, folder: Path) -> Path:
    """The file, and beside it what `fer-tfx run` makes of the same data, both by containers of the image."""
    places = {"deploy.image": image, "deploy.volume_claim": "faces", "deploy.volume_path": folder}
    alone = {"deploy.beam": "in_process", "deploy.training": "container", "deploy.retries": "0"}
    settings = {**SAME, **places, **alone, "runtime.root": folder / "runs"}
    file = folder / "fer.yaml"
    run_in_image(
        image, folder, "run", "--data", folder / "train.csv", "--unlabelled", folder / "test.csv",
        *(f"--set={key}={value}" for key, value in {**SAME, "runtime.root": folder / "local"}.items()),
    )  # fmt: skip
    run_in_image(
        image, folder, "compile", "--target", "kubeflow", "--out", file,
        *(f"--set={key}={value}" for key, value in settings.items()),
    )  # fmt: skip
    return file


@pytest.fixture(scope="module")
def first(kfp_python: Path, socket: str, compiled: Path) -> dict[str, Any]:
    """What is on the page of a run by kfp's runner."""
    return run_by_kfp(kfp_python, socket, compiled)


@pytest.fixture(scope="module")
def second(kfp_python: Path, socket: str, compiled: Path, first: dict[str, Any]) -> dict[str, Any]:
    del first
    return run_by_kfp(kfp_python, socket, compiled)


def podman(*words: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["podman", *map(str, words)], capture_output=True, text=True, check=False)


def run_in_image(image: str, folder: Path, *words: object) -> None:
    done = podman("run", "--rm", "--network=none", f"--volume={folder}:{folder}", "--entrypoint=fer-tfx", image, *words)
    assert done.returncode == 0, done.stdout + done.stderr


def run_by_kfp(python: Path, socket: str, file: Path) -> dict[str, Any]:
    folder = file.parent
    before = set(folder.glob("fer-*"))
    parameters = [f"data_path={folder}/train.csv", f"data_unlabelled_path={folder}/test.csv"]
    done = subprocess.run(
        [python, RUNNER, file, folder, *parameters],
        env={**os.environ, "DOCKER_HOST": socket}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-5000:]
    (made,) = set(folder.glob("fer-*")) - before
    # The runner takes `comp-` off names that have none.
    expected = {name[5:] for name in read_compiled(file).tasks}
    assert {path.parent.name for path in made.glob("*/executor_output.json")} == expected, said[-5000:]
    (report,) = made.glob("*/report/report.json")
    content: dict[str, Any] = json.loads(report.read_text())
    return content


def list_versions(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "fer" / "serving").iterdir() if path.name.isdecimal())


def predict(model: Path, examples: list[bytes]) -> np.ndarray:
    """Probabilities (n, 7)."""
    signature = tf.saved_model.load(str(model)).signatures[SERVE_EXAMPLES]
    found: np.ndarray = signature(tf.constant(make_requests(examples)[SERVE_EXAMPLES]))[PROBABILITIES_KEY].numpy()
    return found


def test_kfp_local_run_pushes_the_model(first: dict[str, Any], folder: Path) -> None:
    (version,) = list_versions(folder / "runs")
    assert first["verdict"] == {"is_pushed": True, "place": str(version), "refusals": []}
    assert first["comparison"] is None


def test_kfp_local_model_answers_like_that_of_fer_tfx_run(first: dict[str, Any], folder: Path) -> None:
    del first
    (split,) = (folder / "local/fer/artifacts/FerExampleGen/examples").glob("*/Split-eval")
    examples = read_examples(str(split))
    (expected,) = list_versions(folder / "local")
    answers = predict(list_versions(folder / "runs")[0], examples)
    assert answers.shape == (32, 7)
    assert np.ptp(answers.argmax(axis=1)) > 0, "the model gives one and the same answer to everything"
    np.testing.assert_allclose(answers, predict(expected, examples), rtol=0, atol=1e-6)


def test_kfp_local_second_run_compares_with_the_pushed_model(second: dict[str, Any]) -> None:
    assert second["verdict"]["is_pushed"]
    assert second["comparison"] is not None
