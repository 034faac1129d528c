"""Every command and snippet of README and docs/, executed as printed, but those that say what they need.

They run in a copy of the repository with an environment that is set up, the readers' files, and the runs of a model
that is in service. What they don't do as printed:

- Trainings are shortened, and models pushed whatever they reach: the command `fer-tfx` adds SHORTENED to its options.
- `fer-tfx demo` and `tensorboard` take a free port, and are interrupted once they answer. No browser is opened.
- `make test` runs one file of tests after the linters (ARGS, as a user would give it).
- `localhost:8501` is a double of TensorFlow Serving, on another port; `fill_in` has the other names and numbers.
"""

import io
import json
import lzma
import os
import re
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import tarfile
import textwrap
import threading
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from clips import write_clip
from documents import DOCUMENTS, INPUTS, PYTHON, SHELL, list_snippets, run_python
from forked import run_command
from PIL import Image
from serving_double import TensorFlowServingDouble, answer_by_first_value
from small_run import LENIENT_GATE, TINY_NETWORK, write_tiny_csvs

from configs.load import load_config
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.reading.votes import VOTE_COLUMNS
from schema.drawn_faces import draw_faces

ROOT = Path(__file__).parents[2]
EXTENDING = ("docs/extending.md", PYTHON)  # tests/unit/pipeline/test_extending.py
SNIPPETS = [
    each
    for document in DOCUMENTS
    for each in list_snippets(document)
    if not each.need and (each.document, each.language) != EXTENDING
]
SERVER = re.compile(r"fer-tfx (demo(?!.*--out)|tensorboard)")
LAX = {"gate.min_class_recall": "0", "gate.min_corrupted_accuracy": "0", "gate.max_accuracy_drop": "1"}
SHORTENED = {
    **{key.replace("__", "."): value for key, value in (TINY_NETWORK | LENIENT_GATE).items()}, **LAX,
    "trainer.warmup_epochs": "0", "trainer.evaluation_interval_epochs": "1", "trainer.full_size_fraction": "1",
    "distillation.teacher": "{trainer.epochs: 1}",
}  # fmt: skip
# The command `fer-tfx`. What imports TFX is a fork of a process that has done so, which saves minutes.
COMMAND = f"""
import json, os, socket, sys

words, shortened = sys.argv[1:], {[word for key, value in SHORTENED.items() for word in ("--set", f"{key}={value}")]}
if words[0] in ("run", "compile"):
    words += shortened
if words[0] in ("demo", "tensorboard") and "--out" not in words:
    words += ["--port", os.environ["PORT"]]
if words[0] in ("predict", "submission", "demo", "tensorboard", "versions", "rollback"):
    os.execv(sys.executable, [sys.executable, "-m", "pipeline", *words])
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(os.environ["FORKS"])
    connection.sendall(json.dumps([words, os.getcwd(), dict(os.environ)]).encode() + b"\\n")
    code, said, complained = json.load(connection.makefile())
print(said, end="")
print(complained, end="", file=sys.stderr)
sys.exit(code)
"""
KEPT = ("runs", "state")
COLUMN_OF = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
# What the text around a snippet says that there is.
PRELUDES = {
    "docs/client.md": """
        import asyncio
        import numpy as np
        from fer_tfx import Client
        client = Client("http://localhost:8501")
        pixels = np.zeros((2, 48, 48), np.uint8)
        images = list(pixels)
    """,
    "docs/predict.md": """
        import fer_tfx
        import numpy as np
        model = fer_tfx.load("small")
        paths = ["a.jpg", "b.jpg"]
        crop = np.zeros((48, 48), np.uint8)
    """,
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the repository, its environment, what the documents call their readers' files, and two runs."""
    with forking_commands():
        yield make_checkout(tmp_path_factory)


def make_checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home") / "fer-tfx"
    left_out = shutil.ignore_patterns(".git", ".venv", ".build", "runs", "dist", "__pycache__", ".*_cache")
    shutil.copytree(ROOT, folder, ignore=left_out)
    set_up(folder)
    lay_out(folder)
    for seed in (1, 2):
        execute(folder, f"fer-tfx run --data train.csv.xz --set trainer.seed={seed}")
    for each in ("at-first", "downloaded"):
        (folder / each).mkdir()
    shutil.copytree(folder / "runs" / "fer" / "serving" / list_versions(folder)[0], folder / "downloaded" / "17")
    for target, file in (("kubeflow", "fer.yaml"), ("vertex", "fer.json")):
        execute(
            folder,
            f"fer-tfx compile --target {target} --out {file} --set deploy.image=REGISTRY/fer-tfx:1.0.0"
            " --set runtime.root=gs://BUCKET/runs --set deploy.project=PROJECT --set deploy.region=europe-west4",
        )
    assert [name for name in INPUTS if not any(folder.glob(name.rstrip("/").replace("{SPAN}", "1")))] == []
    for kept in KEPT:
        (folder / kept).rename(folder / "at-first" / kept)
    return folder


@contextmanager
def forking_commands() -> Iterator[None]:
    """Answer to what COMMAND asks for."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            words, folder, variables = json.loads(self.rfile.readline())
            done = run_command(words, Path(folder), variables)
            self.wfile.write(json.dumps([done.returncode, done.stdout, done.stderr]).encode())

    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("FORKS", f"{folder}/socket")
        with socketserver.ThreadingUnixStreamServer(f"{folder}/socket", Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield
            server.shutdown()


def set_up(folder: Path) -> None:
    """As `make setup` would: this environment, with its own programs of the packages that lie in the copy."""
    (folder.parent / ".config").mkdir()
    (folder.parent / ".config" / "fer-channel").write_text("data:,")  # a URL that takes a POST as well
    venv = folder / ".venv"
    (venv / "bin").mkdir(parents=True)
    for program in Path(sys.prefix, "bin").iterdir():
        (venv / "bin" / program.name).symlink_to(program)
    (venv / "lib").symlink_to(Path(sys.prefix, "lib"))
    shutil.copy(Path(sys.prefix, "pyvenv.cfg"), venv)
    command = venv / "bin" / "fer-tfx"
    command.unlink(missing_ok=True)
    command.write_text(f"#!{sys.executable}\n{COMMAND}")
    command.chmod(0o755)
    (folder / ".build" / "uv" / "bin").mkdir(parents=True)
    (folder / ".build" / "uv" / "bin" / "uv").touch()
    (venv / ".ready").touch()


def lay_out(folder: Path) -> None:
    """Drawn faces in all the forms and under all the names."""
    drawn = write_tiny_csvs(folder / "drawn")
    labelled, unlabelled = drawn.labelled_path.read_bytes(), drawn.unlabelled_path.read_bytes()
    (folder / "icml_face_data.csv").write_bytes(labelled)
    (folder / "fer2013.csv").write_bytes(labelled)
    (folder / "test.csv").write_bytes(unlabelled)
    (folder / "train.csv.xz").write_bytes(lzma.compress(labelled, preset=0))
    (folder / "test.csv.xz").write_bytes(lzma.compress(unlabelled, preset=0))
    with tarfile.open(folder / "fer2013.tar.gz", "w:gz") as archive:
        archive.add(folder / "fer2013.csv", "fer2013/fer2013.csv")
    with zipfile.ZipFile(folder / "competition.zip", "w") as archive:
        archive.write(folder / "icml_face_data.csv", "icml_face_data.csv")
        archive.write(folder / "test.csv", "test.csv")
    lines = [f"Usage,Image name,{','.join(VOTE_COLUMNS)}"]
    for row in labelled.decode().splitlines()[1:]:
        votes = {COLUMN_OF[int(row.partition(",")[0])]: 10}
        lines.append(f"{row.rpartition(',')[2]},,{','.join(str(votes.get(each, 0)) for each in VOTE_COLUMNS)}")
    (folder / "fer2013new.csv").write_text("\n".join([*lines, ""]))
    for span in (1, 2):
        (folder / "data" / f"span-{span}").mkdir(parents=True)
        rows = write_tiny_csvs(folder / "drawn" / str(span), seed=span).labelled_path.read_text().splitlines()
        (folder / "data" / f"span-{span}" / "rows.csv").write_text(
            "".join(row.rpartition(",")[0] + "\n" for row in rows)
        )
    faces = draw_faces(210, seed=5)
    for name in ("pictures", "faces"):
        for at, (pixels, label) in enumerate(zip(faces.pixels, faces.class_indices, strict=True)):
            path = folder / name / DEFAULT_CLASS_NAMES[label] / f"{at}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.reshape(48, 48)).save(path)
    shutil.make_archive(str(folder / "faces"), "zip", folder / "faces")
    crops = [Image.fromarray(each.reshape(48, 48)) for each in faces.pixels[:4]]
    photos = sorted((ROOT / "fer_tfx" / "demo" / "samples").glob("*.jpg"))
    for name in ("crops", "folder", "more", "photos"):
        (folder / name).mkdir()
    for at, crop in enumerate(crops):
        crop.save(folder / "crops" / f"{at}.png")
        crop.save(folder / "folder" / f"{at}.png")
        crop.save(folder / "more" / f"{at}.jpg")
    for name, crop in zip(("face.png", "one.png", "two.png"), crops, strict=False):
        crop.save(folder / name)
    for name, photo in zip(("a.jpg", "b.jpg", "party.jpg", "photo.jpg"), photos, strict=False):
        shutil.copy(photo, folder / name)
        shutil.copy(photo, folder / "photos" / name)
    write_clip(folder / "clip.mp4", [Image.open(photos[0]).resize((320, 240))] * 25)
    np.save(folder / "pixels.npy", crops[0])
    (folder / "own.yaml").write_text("trainer:\n  batch_size: 32\n")


def list_versions(folder: Path) -> list[str]:
    """Pushed ones, the newest first."""
    return sorted(
        (each.name for each in (folder / "runs" / "fer" / "serving").iterdir() if each.name.isdecimal()), reverse=True
    )


@pytest.fixture(scope="module")
def server() -> Iterator[TensorFlowServingDouble]:
    with TensorFlowServingDouble(answer_by_first_value, labels={"stable": 1}) as double:
        yield double


@pytest.mark.parametrize("document", sorted({ROOT / each.document for each in SNIPPETS}), ids=lambda path: path.name)
def test_snippets_of_a_document_work_as_printed(
    document: Path, checkout: Path, server: TensorFlowServingDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kept in KEPT:
        shutil.rmtree(checkout / kept, ignore_errors=True)
        shutil.copytree(checkout / "at-first" / kept, checkout / kept, symlinks=True)
    monkeypatch.chdir(checkout)
    monkeypatch.setenv("HOME", str(checkout.parent))
    snippets = [each for each in SNIPPETS if ROOT / each.document == document]
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(each.text for each in snippets if each.language == "json")))
    faults, assigned = {}, ""
    for snippet in snippets:
        text = fill_in(snippet.command, checkout, server)
        if re.match(r"\w+=\$\(", text):
            assigned += f"{text}\n"
            continue
        try:
            if snippet.language == SHELL:
                (interrupt_when_it_answers if SERVER.search(text) else execute)(checkout, assigned + text)
            elif snippet.language == PYTHON:
                run_python(fill_in(textwrap.dedent(PRELUDES.get(snippet.document, "")), checkout, server), text)
            elif snippet.language == "json":
                json.loads(text)
            elif snippet.language == "yaml":
                (checkout / "snippet.yaml").write_text(text)
                load_config(checkout / "snippet.yaml")
        except Exception as error:
            faults[str(snippet)] = f"{type(error).__name__}: {error}"
    assert not faults, json.dumps(faults, indent=1)


def fill_in(text: str, folder: Path, server: TensorFlowServingDouble) -> str:
    """With what a reader puts in the place of names and numbers, and shorter searches."""
    searches = sorted((folder / "runs/fer/artifacts/Tuner/best_hyperparameters").glob("*"))
    for printed, meant in {
        "localhost:8501": server.rest_url.removeprefix("http://"), "1764086400": list_versions(folder)[-1],
        "export VERSION": f"export {list_versions(folder)[0]}", "/FOLDER": str(folder / "replayed"),
        "best_hyperparameters/7": f"best_hyperparameters/{searches[-1].name if searches else 7}",
        "tuner.trials=8": "tuner.trials=2", "tuner.epochs=3": "tuner.epochs=1",
    }.items():  # fmt: skip
        text = text.replace(printed, meant)
    return text


def execute(folder: Path, text: str) -> None:
    variables = environment(folder)
    if text == "make test":
        variables["ARGS"] = "tests/unit/configs/test_progress.py"
    done = subprocess.run(["bash", "-c", text], cwd=folder, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"exit code {done.returncode}: {(done.stdout + done.stderr)[-600:]}"


def interrupt_when_it_answers(folder: Path, text: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        ["bash", "-c", text], cwd=folder, env=environment(folder) | {"PORT": str(port)}, start_new_session=True
    )
    try:
        for _ in range(600):
            time.sleep(0.5)
            with suppress(OSError), urllib.request.urlopen(f"http://localhost:{port}/", timeout=20) as answer:
                assert answer.status == 200
                break
            assert process.poll() is None, f"exit code {process.returncode}"
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        process.kill()


def environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ, "PATH": f"{folder / '.venv' / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(folder),
        "HOME": str(folder.parent), "XDG_STATE_HOME": str(folder / "state"), "BROWSER": "true",
    }  # fmt: skip
