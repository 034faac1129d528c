"""Sends requests to a model as a server would, and measures it; see `probe_process`.

Uses the TF1 loader, as TensorFlow Serving and TFX's BulkInferrer do: the TF2 loader hides variables that they can't
find.
"""

import io
import sys
import time
from contextlib import ExitStack
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis import prediction_log_pb2

from components.loaded_model import Ask, open_signature
from fer_tfx.contract import (
    CLASS_COUNT,
    CLASS_NAME_KEY,
    CLASS_NAMES,
    EXTRA_ASSETS_DIR,
    IMAGE_SHAPE,
    IMAGE_SIZE_PX,
    PIXELS_KEY,
    PROBABILITIES_KEY,
    SERVE_EXAMPLES,
    SERVE_IMAGES,
    SERVE_PIXELS,
    WARM_UP_FILE,
)
from reporting.serving_figures import ServingFigures

ROW_COUNT = 32
TOLERANCE = 1e-6
WARM_UP_COUNT = 20
ROUND_COUNT = 200


class ProbeError(Exception):
    """The model loads but does not answer as its signatures promise."""


def read_examples(examples_dir: str) -> list[bytes]:
    """The first serialised examples of one split."""
    paths = sorted(tf.io.gfile.glob(f"{examples_dir}/*"))
    return list(tf.data.TFRecordDataset(paths, compression_type="GZIP").take(ROW_COUNT).as_numpy_iterator())


def make_requests(examples: list[bytes]) -> dict[str, Any]:
    """The same rows in the form that each signature takes."""
    raw = [tf.train.Example.FromString(row).features.feature[PIXELS_KEY].bytes_list.value[0] for row in examples]
    pixels = np.frombuffer(b"".join(raw), np.uint8).reshape(-1, *IMAGE_SHAPE)
    return {SERVE_EXAMPLES: examples, SERVE_PIXELS: pixels, SERVE_IMAGES: [_encode_png(row) for row in raw]}


def _encode_png(raw: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.frombytes("L", (IMAGE_SIZE_PX, IMAGE_SIZE_PX), raw).save(buffer, "PNG")
    return buffer.getvalue()


def read_warm_up(model_dir: str) -> list[tuple[str, npt.NDArray[Any]]]:
    """Signature and input of each request that TensorFlow Serving would replay before it serves the model."""
    path = f"{model_dir}/{EXTRA_ASSETS_DIR}/{WARM_UP_FILE}"
    if not tf.io.gfile.exists(path):
        raise ProbeError(f"has no warm-up requests in {EXTRA_ASSETS_DIR}/{WARM_UP_FILE}")
    logs = map(prediction_log_pb2.PredictionLog.FromString, tf.data.TFRecordDataset(path).as_numpy_iterator())
    requests = [log.predict_log.request for log in logs]
    return [(each.model_spec.signature_name, tf.make_ndarray(*each.inputs.values())) for each in requests]


def ask(
    model_dir: str, requests: dict[str, Any], warm_up: list[tuple[str, npt.NDArray[Any]]]
) -> dict[str, dict[str, npt.NDArray[Any]]]:
    """Each signature's outputs, by the TF1 loader, after the warm-up requests."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        signatures = tf.compat.v1.saved_model.loader.load(session, ["serve"], model_dir).signature_def
        for name, request in warm_up:
            _run(session, signatures, name, request)
        return {name: _run(session, signatures, name, request) for name, request in requests.items()}


def _run(session: Any, signatures: Any, name: str, request: Any) -> dict[str, npt.NDArray[Any]]:
    if name not in signatures:
        raise ProbeError(f"has no signature {name}, only {sorted(signatures)}")
    (feed,) = signatures[name].inputs.values()
    outputs = {key: tensor.name for key, tensor in signatures[name].outputs.items()}
    answers: dict[str, npt.NDArray[Any]] = session.run(outputs, {feed.name: request})
    return answers


def check(answers: dict[str, dict[str, npt.NDArray[Any]]]) -> None:
    """Raise ProbeError unless every signature gives the same, well-formed answer."""
    expected = answers[SERVE_EXAMPLES][PROBABILITIES_KEY]
    for name, answer in answers.items():
        probabilities = answer[PROBABILITIES_KEY]
        if probabilities.shape != expected.shape or probabilities.shape[1] != CLASS_COUNT:
            raise ProbeError(f"{name}: probabilities have the shape {probabilities.shape}")
        if not np.all(np.isfinite(probabilities)) or np.abs(probabilities.sum(axis=1) - 1).max() > 1e-4:
            raise ProbeError(f"{name}: probabilities do not sum to 1")
        difference = np.abs(probabilities - expected).max()
        if difference > TOLERANCE:
            raise ProbeError(f"{name}: differs from {SERVE_EXAMPLES} by {difference:.2g}, at most {TOLERANCE:g}")
        names = [CLASS_NAMES[index] for index in probabilities.argmax(axis=1)]
        if [value.decode() for value in answer[CLASS_NAME_KEY].reshape(-1)] != names:
            raise ProbeError(f"{name}: class names do not follow the order of classes")


def measure(model_dir: str, baseline_dir: str, picture: npt.NDArray[np.uint8]) -> ServingFigures:
    """Size and latency of the model, and the baseline's latency.

    Args:
        model_dir: folder of the SavedModel.
        baseline_dir: folder of the baseline's; empty: there is none.
        picture: uint8 (1, 48, 48, 1).
    """
    if baseline_dir and not tf.saved_model.contains_saved_model(baseline_dir):
        raise ProbeError(f"the baseline is missing from {baseline_dir}: restore it, or set gate.use_baseline=false")
    latency_ms, *baseline = _measure_latencies([model_dir, *([baseline_dir] if baseline_dir else [])], picture)
    files = (f"{folder}/{name}" for folder, _, names in tf.io.gfile.walk(model_dir) for name in names)
    size = sum(tf.io.gfile.stat(path).length for path in files)
    return ServingFigures(size, latency_ms, baseline[0] if baseline else None)


def _measure_latencies(model_dirs: list[str], picture: npt.NDArray[np.uint8]) -> list[float]:
    """Median wall time of `serve_pixels` with all its outputs, in ms, for each model.

    The models take turns, so that a slow moment of the machine affects them alike.
    """
    with ExitStack() as stack:
        models = [stack.enter_context(open_signature(model_dir, SERVE_PIXELS)) for model_dir in model_dirs]
        for model in models:
            _time_ms(model, picture, WARM_UP_COUNT)
        # The order changes from round to round.
        times = [[_time_ms(each, picture) for each in models[::step]][::step] for step in (1, -1) * (ROUND_COUNT // 2)]
    return [float(median) for median in np.median(times, axis=0)]


def _time_ms(model: Ask, picture: npt.NDArray[np.uint8], count: int = 1) -> float:
    start = time.perf_counter()
    for _ in range(count):
        model(picture)
    return (time.perf_counter() - start) * 1e3 / count


def main() -> None:
    """Exit 0 if the model of the command line can be served; the last line is its `ServingFigures`, as JSON."""
    model_dir, examples_dir, *baseline = sys.argv[1:]
    # Read here: within the session's graph TensorFlow could not.
    examples, warm_up = read_examples(examples_dir), read_warm_up(model_dir)
    if not examples:
        raise ProbeError(f"there are no examples in {examples_dir} for requests")
    requests = make_requests(examples)
    check(ask(model_dir, requests, warm_up))
    print(measure(model_dir, "".join(baseline), requests[SERVE_PIXELS][:1]).to_json())
