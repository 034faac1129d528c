"""The real Triton on the folder of versions of a run, asked by the client."""

import io
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf
import urllib3
from PIL import Image
from workshop import PROJECT

from configs.spec import ExportConfig, ModelConfig
from fer_tfx import Client, FileLimits, Prediction
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.errors import RequestRefusedError
from fer_tfx.saved_model import SavedModel
from fer_tfx.versions.folder import VersionFolder
from fer_tfx.versions.versions import ServedModel
from models.calibration import Calibration, Calibrations
from models.export import ServingNetwork, export_model
from models.networks import build_network
from models.networks.layers import fold_batch_norm

FILES = PROJECT / "kubeflow" / "serving" / "triton"
LIMIT_S = 300


class Server(NamedTuple):
    """A running Triton, and the versions that it serves."""

    url: str
    versions: VersionFolder

    def load(self, version: int) -> SavedModel:
        """The same model in this process."""
        return SavedModel(Path(self.versions.path, str(version)))


@pytest.fixture(scope="module")
def server(triton: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serves a pushed model, by the commands of docs/serving.md."""
    backends = make_backends(triton, tmp_path_factory.mktemp("backends"))
    repository = tmp_path_factory.mktemp("models")
    versions = VersionFolder(repository / "fer", ServedModel("fer", "/models/fer"))
    versions.push(str(write_model(tmp_path_factory.mktemp("one") / "model", seed=1)), now_s=1)
    shutil.copy(FILES / "config.pbtxt", repository / "fer")
    port = find_free_port()
    start = [
        triton / "bin" / "tritonserver", f"--model-repository={repository}", f"--backend-directory={backends}",
        "--http-address=127.0.0.1", f"--http-port={port}", "--allow-grpc=false", "--allow-metrics=false",
        "--model-control-mode=poll", "--repository-poll-secs=1", "--disable-auto-complete-config",
        "--exit-timeout-secs=1",
    ]  # fmt: skip
    with (repository / "log").open("wb") as log:
        process = subprocess.Popen(start, env=describe_environment(triton), stdout=log, stderr=log)
    try:
        with Client(f"kserve://127.0.0.1:{port}") as client:
            client.wait_until_ready(LIMIT_S)
        yield Server(f"kserve://127.0.0.1:{port}", versions)
    except Exception:
        print((repository / "log").read_text("utf-8", "replace"))
        raise
    finally:
        process.terminate()
        process.wait(timeout=60)


def make_backends(triton: Path, folder: Path) -> Path:
    """As in Triton's image: the back end in Python, with the stub for this Python, and ours."""
    stub = triton / "python_backend_stubs" / f"{sys.version_info[0]}.{sys.version_info[1]}"
    shutil.copytree(triton / "backends" / "python", folder / "python")
    shutil.copy(stub / "triton_python_backend_stub", folder / "python")
    shutil.copytree(FILES / "fer_tfx", folder / "fer_tfx")
    libraries = subprocess.run(
        ["ldd", folder / "python" / "triton_python_backend_stub"],
        env=describe_environment(triton), capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    if "not found" in libraries:
        missing = next(line.split()[0] for line in libraries.splitlines() if "not found" in line)
        pytest.skip(f"Triton's back end in Python needs {missing}, which is not here")
    return folder


def describe_environment(triton: Path) -> dict[str, str]:
    """The back end's Python is the first `python3` of PATH, here that of the tests, with its TensorFlow."""
    libraries = f"{triton.parents[1] / 'nvidia_pytriton.libs'}:{sysconfig.get_config_var('LIBDIR')}"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "LD_LIBRARY_PATH": libraries, "PATH": path}


class TransformDouble:
    """Stands in for the Transform graph: pixels -> fractions."""

    def apply_to_pixels(self, pixels: tf.Tensor) -> tf.Tensor:
        return tf.cast(pixels, tf.float32) / 255.0


def write_model(folder: Path, seed: int) -> Path:
    """A tiny network of random weights, exported as Trainer does."""
    keras.utils.set_random_seed(seed)
    network = build_network(ModelConfig(stem_filters=4, stage_filters=(6,), convolutions_per_stage=1), 7)
    calibration = Calibration(0.05, abstain_threshold=0.5, abstain_accuracy=0.9, coverage=0.5, n=100)
    export_model(
        ServingNetwork(fold_batch_norm(network), ExportConfig()), TransformDouble(),
        Calibrations(1, {1: calibration}), DEFAULT_CLASS_NAMES, "{}", str(folder),
    )  # fmt: skip
    return folder


def find_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """Noise of each brightness: uint8 (150, 48, 48, 1)."""
    noise = np.random.default_rng(3).integers(0, 256, (150, 48, 48, 1))
    return (noise * np.linspace(0.1, 1, 150)[:, None, None, None]).astype(np.uint8)


def write_file(picture: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture[..., 0]).save(stream, "PNG")
    return stream.getvalue()


def check_equal(found: list[Prediction], expected: list[Prediction]) -> None:
    assert [each.label for each in found] == [each.label for each in expected]
    assert [each.abstain for each in found] == [each.abstain for each in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-5)


def test_answers_for_pixels_and_files_are_those_of_the_model_itself(server: Server, pixels: np.ndarray) -> None:
    (version,) = server.versions.list_served()
    expected = server.load(version).predict_pixels(pixels)
    files = [write_file(picture) for picture in pixels]
    with Client(server.url, timeout_s=60) as client, Client(server.url, version=version) as exact:
        check_equal([client.predict_pixels(picture[np.newaxis])[0] for picture in pixels[:5]], expected[:5])
        check_equal(client.predict_pixels(pixels), expected)
        check_equal(exact.predict(files), expected)
        check_equal(client.predict([files[0], pixels[1], files[2]]), expected[:3])
        assert [(each.version, each.state) for each in client.status()] == [(version, "AVAILABLE")]


def test_requests_of_threads_are_answered_together_and_a_broken_picture_is_its_callers_alone(
    server: Server, pixels: np.ndarray
) -> None:
    """Eight threads, of which each eighth request has a file that ends too early."""
    (version,) = server.versions.list_served()
    expected = server.load(version).predict_pixels(pixels)
    files = [write_file(picture) for picture in pixels]
    before = read_counts(server)

    def ask(at: int) -> None:
        if at % 8 == 0:
            with pytest.raises(RequestRefusedError, match=r"picture 1: refused with HTTP 400: .*PNG"):
                client.predict([files[at], files[at][:60]])
        elif at % 2:
            check_equal(client.predict([files[at], files[at + 1]]), expected[at : at + 2])
        else:
            check_equal(client.predict_pixels(pixels[at : at + 1]), expected[at : at + 1])

    with Client(server.url, timeout_s=120) as client, ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(145)))
    asked, executed = (after - was for after, was in zip(read_counts(server), before, strict=True))
    assert 0 < executed < asked


def read_counts(server: Server) -> tuple[int, int]:
    """Pictures that were answered, and calls of the model for them, so far."""
    with urllib3.PoolManager() as pool:
        found = pool.request("GET", server.url.replace("kserve", "http") + "/v2/models/fer/stats").json()
    return tuple(sum(each[name] for each in found["model_stats"]) for name in ("inference_count", "execution_count"))


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"version": 7}, "HTTP 404: .*'fer' version 7 is not found"),
        ({"model": "x"}, "HTTP 404: .*'x' is not found"),
        ({"batch_size": 150}, "HTTP 400: .*batch-size must be <= 64"),
    ],
)
def test_what_triton_refuses_is_one_line(server: Server, pixels: np.ndarray, choice: dict, said: str) -> None:
    with Client(server.url, **choice) as client, pytest.raises(RequestRefusedError, match=said) as caught:
        client.predict_pixels(pixels)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("call", "body"), [("repository/models/fer/unload", b"{}"), ("logging", b'{"log_file": "/tmp/fer-triton"}')]
)
def test_callers_can_neither_change_the_model_nor_write_files(server: Server, call: str, body: bytes) -> None:
    with urllib3.PoolManager() as pool:
        answer = pool.request("POST", f"{server.url.replace('kserve', 'http')}/v2/{call}", body=body)
    assert answer.status >= 400
    with Client(server.url) as client:
        assert client.status()


def test_picture_of_too_many_pixels_is_refused_by_the_graph(server: Server) -> None:
    large = write_file(np.zeros((5001, 5000, 1), np.uint8))
    with (
        Client(server.url, limits=FileLimits(max_pixels=10**9), timeout_s=60) as client,
        pytest.raises(RequestRefusedError, match=r"picture 0: refused with HTTP 400: .*25,?000,?000"),
    ):
        client.predict([large])


def test_push_and_roll_back_are_followed_without_a_gap(server: Server, pixels: np.ndarray, tmp_path: Path) -> None:
    (first,) = server.versions.list_served()
    second = server.versions.push(str(write_model(tmp_path / "model", seed=2)), now_s=2)
    with Client(server.url, timeout_s=60) as client:
        expected = [server.load(each).predict_pixels(pixels[:1]) for each in (first, second)]
        wait_for(client, second, pixels, expected)
        check_equal(client.predict_pixels(pixels[:1]), expected[1])
        server.versions.roll_back()
        wait_for(client, first, pixels, expected)
        check_equal(client.predict_pixels(pixels[:1]), expected[0])


def wait_for(client: Client, version: int, pixels: np.ndarray, expected: list[list[Prediction]]) -> None:
    """Return when a version is the newest; until then the one or the other answers, never none."""
    end = time.monotonic() + LIMIT_S
    while max(each.version for each in client.status()) != version:
        assert time.monotonic() < end
        time.sleep(0.1)
        (found,) = client.predict_pixels(pixels[:1])
        assert any(found.probabilities == pytest.approx(one.probabilities, abs=1e-5) for (one,) in expected)
