"""python -m components.serving_probe MODEL_DIR EXAMPLES_DIR [BASELINE_DIR]: asks a model as a server would.

As a process of its own it has none of the ops, Python objects and variables that ServingCheck's registers, and no
Keras, as a server has none to help a model out. TensorFlow imports Keras for what it registers, and manages without,
which also takes a third off the start.
"""

import sys

if __name__ == "__main__":
    sys.modules["keras"] = None  # type: ignore[assignment]  # Python's way of forbidding an import

import io
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis import prediction_log_pb2

from fer_tfx.contract import (
    CLASS_NAME_KEY,
    CLASS_NAMES_FILE,
    CLASS_NAMES_KEY,
    EXTRA_ASSETS_DIR,
    IMAGE_SHAPE,
    IMAGE_SIZE_PX,
    LIGHT_MODEL_FILE,
    PIXELS_KEY,
    PROBABILITIES_KEY,
    SERVE_EXAMPLES,
    SERVE_IMAGES,
    SERVE_PIXELS,
    WARM_UP_FILE,
)
from fer_tfx.errors import DataError
from fer_tfx.light import LightModel
from reporting.serving_figures import ServingFigures

ROW_COUNT = 32
TOLERANCE = 1e-6
LIGHT_TOLERANCE = 5e-3  # of a probability: weights are float16 there
WARM_UP_COUNT = 20
ROUND_COUNT = 200

Signature = Callable[[Any], dict[str, npt.NDArray[Any]]]
"""The value of a signature's one input, such as pictures, uint8 (n, 48, 48, 1) -> its outputs by key, n long each."""


@contextmanager
def open_model(model_dir: str) -> Iterator[Callable[[str], Signature]]:
    """What looks up a signature by its name, until the context ends; by the TF1 loader, as TensorFlow Serving does.

    The TF2 loader hides variables that a server can't find, and builds each of the model's functions in Python. Raises
    OSError if no SavedModel is there, and ValueError on look-up of a missing signature.
    """
    # Closed, but not entered: that would make its graph the caller's default.
    with closing(tf.compat.v1.Session(graph=tf.Graph())) as session:
        signatures = tf.compat.v1.saved_model.loader.load(session, ["serve"], model_dir).signature_def

        def find_signature(name: str) -> Signature:
            if name not in signatures:
                raise ValueError(f"has no signature {name}, only {sorted(signatures)}")
            (feed,) = signatures[name].inputs.values()
            outputs = {key: tensor.name for key, tensor in signatures[name].outputs.items()}
            return lambda value: session.run(outputs, {feed.name: value})

        yield find_signature


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
        raise ValueError(f"has no warm-up requests in {EXTRA_ASSETS_DIR}/{WARM_UP_FILE}")
    logs = map(prediction_log_pb2.PredictionLog.FromString, tf.data.TFRecordDataset(path).as_numpy_iterator())
    requests = [log.predict_log.request for log in logs]
    return [(each.model_spec.signature_name, tf.make_ndarray(*each.inputs.values())) for each in requests]


def ask(
    model_dir: str, requests: dict[str, Any], warm_up: list[tuple[str, npt.NDArray[Any]]]
) -> dict[str, dict[str, npt.NDArray[Any]]]:
    """Each signature's outputs, after the warm-up requests."""
    with open_model(model_dir) as signature:
        for name, request in warm_up:
            signature(name)(request)
        return {name: signature(name)(request) for name, request in requests.items()}


def read_class_names(model_dir: str) -> list[str]:
    """The names that lie beside the graph, by class index."""
    try:
        return Path(model_dir, EXTRA_ASSETS_DIR, CLASS_NAMES_FILE).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"has no list of its classes in {EXTRA_ASSETS_DIR}/{CLASS_NAMES_FILE}: {error}") from None


def check(answers: dict[str, dict[str, npt.NDArray[Any]]], class_names: list[str]) -> None:
    """Raise ValueError unless every signature gives the same, well-formed answer about these classes."""
    expected = answers[SERVE_EXAMPLES][PROBABILITIES_KEY]
    for name, answer in answers.items():
        probabilities = answer[PROBABILITIES_KEY]
        if probabilities.shape != expected.shape or probabilities.shape[1] != len(class_names):
            raise ValueError(f"{name}: probabilities have the shape {probabilities.shape}")
        if not np.all(np.isfinite(probabilities)) or np.abs(probabilities.sum(axis=1) - 1).max() > 1e-4:
            raise ValueError(f"{name}: probabilities do not sum to 1")
        difference = np.abs(probabilities - expected).max()
        if difference > TOLERANCE:
            raise ValueError(f"{name}: differs from {SERVE_EXAMPLES} by {difference:.2g}, at most {TOLERANCE:g}")
        if any([name.decode() for name in row] != class_names for row in answer[CLASS_NAMES_KEY]):
            raise ValueError(f"{name}: {CLASS_NAMES_KEY} are not those of {EXTRA_ASSETS_DIR}/{CLASS_NAMES_FILE}")
        names = [class_names[index] for index in probabilities.argmax(axis=1)]
        if [value.decode() for value in answer[CLASS_NAME_KEY].reshape(-1)] != names:
            raise ValueError(f"{name}: class names do not follow the order of classes")


def check_light_form(model_dir: str, pixels: npt.NDArray[np.uint8], expected: npt.NDArray[np.float32]) -> None:
    """Raise ValueError unless LiteRT gives nearly the same probabilities, (n, classes), for these pictures."""
    folder = f"{model_dir}/{EXTRA_ASSETS_DIR}"
    try:
        found = LightModel(Path(folder)).predict_pixels(pixels)
    except DataError as error:
        raise ValueError(f"has no light form in {EXTRA_ASSETS_DIR}, or a broken one: {error}") from None
    difference = np.abs(np.array([[*each.probabilities.values()] for each in found]) - expected).max()
    if not difference <= LIGHT_TOLERANCE:
        raise ValueError(
            f"{LIGHT_MODEL_FILE}: differs from {SERVE_PIXELS} by {difference:.2g}, at most {LIGHT_TOLERANCE:g}"
        )


def measure(model_dir: str, baseline_dir: str, picture: npt.NDArray[np.uint8]) -> ServingFigures:
    """Size of the model but for its light form, and the median time in which it and the baseline answer `serve_pixels`
    with all its outputs.

    `baseline_dir` is empty if there is no baseline; `picture` is uint8 (1, 48, 48, 1).
    """
    if baseline_dir and not tf.saved_model.contains_saved_model(baseline_dir):
        raise ValueError(f"the baseline is missing from {baseline_dir}: restore it, or set gate.use_baseline=false")
    with ExitStack() as stack:
        folders = [folder for folder in (model_dir, baseline_dir) if folder]
        models = [stack.enter_context(open_model(folder))(SERVE_PIXELS) for folder in folders]
        for model in models:
            _time_ms(model, picture, WARM_UP_COUNT)
        # They take turns, in a changing order, so that a slow moment of the machine affects them alike.
        times = [[_time_ms(each, picture) for each in models[::step]][::step] for step in (1, -1) * (ROUND_COUNT // 2)]
    latency_ms, *baseline = np.median(times, axis=0).tolist()
    files = [f"{folder}/{name}" for folder, _, names in tf.io.gfile.walk(model_dir) for name in names]
    size = sum(tf.io.gfile.stat(path).length for path in files if not path.endswith(f"/{LIGHT_MODEL_FILE}"))
    return ServingFigures(size, latency_ms, baseline[0] if baseline else None)


def _time_ms(model: Signature, picture: npt.NDArray[np.uint8], count: int = 1) -> float:
    start = time.perf_counter()
    for _ in range(count):
        model(picture)
    return (time.perf_counter() - start) * 1e3 / count


def main(model_dir: str, examples_dir: str, baseline_dir: str = "") -> None:
    """Print a line of JSON, the `ServingFigures`, or raise ValueError: the model can't be served."""
    examples = read_examples(examples_dir)
    if not examples:
        raise ValueError(f"there are no examples in {examples_dir} for requests")
    requests = make_requests(examples)
    answers = ask(model_dir, requests, read_warm_up(model_dir))
    check(answers, read_class_names(model_dir))
    check_light_form(model_dir, requests[SERVE_PIXELS], answers[SERVE_PIXELS][PROBABILITIES_KEY])
    print(measure(model_dir, baseline_dir, requests[SERVE_PIXELS][:1]).to_json())


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except ValueError as error:
        sys.exit(str(error))
