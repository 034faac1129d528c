"""One contract for the double and, where this machine has it, the real server: both serve the same SavedModels."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from real_server import explain_absence, run_real_server
from serving_double import TensorFlowServingDouble

from fer_tfx.client.client import Client
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.errors import RequestRefusedError
from models.calibration import Calibration, Calibrations
from models.signatures import build_signatures


class ScalingTransformDouble:
    """Stands in for the Transform graph: pixels -> fractions."""

    def apply_to_pixels(self, pixels):
        return tf.cast(pixels, tf.float32) / 255.0


def compute_brightness_logits(images):
    """Stands in for a network: the brighter a picture, the later its class."""
    return -20 * tf.abs(tf.reduce_mean(images, [1, 2]) - tf.linspace(0.0, 1.0, 7))


def export(folder: Path, temperature: float) -> Path:
    """A SavedModel with the signatures of every model of this package."""
    calibration = Calibration(temperature, abstain_threshold=0.8, abstain_accuracy=0.9, coverage=0.5, n=100)
    signatures = build_signatures(
        compute_brightness_logits, ScalingTransformDouble(), Calibrations(1, {1: calibration}), DEFAULT_CLASS_NAMES
    )
    functions = {name: tf.function(function, input_signature=[spec]) for name, (function, spec) in signatures.items()}
    tf.saved_model.save(tf.Module(), str(folder), signatures=functions)
    return folder


@pytest.fixture(scope="module")
def versions_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Versions 1 and 2; the second is surer of itself."""
    folder = tmp_path_factory.mktemp("versions")
    for version, temperature in ((1, 4.0), (2, 1.0)):
        export(folder / str(version), temperature)
    return folder


@pytest.fixture(scope="module", params=["double", "real server"])
def urls(request: pytest.FixtureRequest, versions_dir: Path) -> Iterator[tuple[str, str]]:
    """REST and gRPC of a server of both versions."""
    if request.param == "double":
        versions = {version: versions_dir / str(version) for version in (1, 2)}
        with TensorFlowServingDouble(versions, labels={"stable": 1}) as double:
            yield double.rest_url, double.start_grpc()
        return
    absence = explain_absence()
    if absence:
        pytest.skip(absence)
    with run_real_server(versions_dir) as found:
        yield found


@pytest.fixture(params=["REST", "gRPC"])
def url(request: pytest.FixtureRequest, urls: tuple[str, str]) -> str:
    return urls[request.param == "gRPC"]


@pytest.fixture
def connect(url):
    """Client of a choice of version, when it is ready."""
    clients = []

    def connect(**choice) -> Client:
        clients.append(Client(url, timeout_s=60, **choice))
        clients[-1].wait_until_ready(120)
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


def compute_expected(brightness: int, temperature: float) -> np.ndarray:
    """Probabilities by NumPy, (7,)."""
    powers = np.exp(-20 * np.abs(brightness / 255 - np.linspace(0, 1, 7)) / temperature)
    return powers / powers.sum()


@pytest.mark.parametrize(
    ("choice", "temperature"), [({}, 1.0), ({"version": 1}, 4.0), ({"version": 2}, 1.0), ({"label": "stable"}, 4.0)]
)
def test_predict_pixels_are_those_of_the_chosen_version(connect, draw, choice, temperature):
    found = connect(**choice).predict_pixels(draw(0, 130, 255))
    for prediction, brightness in zip(found, (0, 130, 255), strict=True):
        assert [*prediction.probabilities.values()] == pytest.approx(
            compute_expected(brightness, temperature), abs=1e-5
        )
    assert [each.label for each in found] == ["angry", "happy", "neutral"]
    assert [each.abstain for each in found] == [max(each.probabilities.values()) < 0.8 for each in found]


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP"])
def test_predict_file_has_the_answer_of_its_pixels(connect, draw, write_file, form):
    client = connect()
    assert client.predict([write_file(85, form)]) == client.predict_pixels(draw(85))


def test_predict_broken_file_is_named(connect, write_file):
    images = [write_file(1), write_file(2), write_file(3)[:60], write_file(4)]
    with pytest.raises(RequestRefusedError, match=r"signature serve_images, picture 2: refused with"):
        connect().predict(images)


@pytest.mark.parametrize("choice", [{"model": "other"}, {"version": 3}, {"label": "x"}])
def test_predict_what_is_not_served_is_refused(url, connect, draw, choice):
    connect()
    with Client(url, **choice) as client, pytest.raises(RequestRefusedError) as caught:
        client.predict_pixels(draw(1))
    expected = ("HTTP 400", "INVALID_ARGUMENT") if "label" in choice else ("HTTP 404", "NOT_FOUND")
    assert caught.value.status in expected


def test_status_lists_both_versions(connect):
    assert {(each.version, each.state) for each in connect().status()} == {(1, "AVAILABLE"), (2, "AVAILABLE")}
