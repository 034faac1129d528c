"""A pushed or exported model: its answers, and the files beside its graph."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.harness.command import read_json_object
from fer_tfx import contract
from fer_tfx.errors import DataError
from fer_tfx.views import make_views

Pixels = npt.NDArray[np.uint8]
Predict = Callable[[Pixels], npt.NDArray[np.float32]]

_REMEDY = "give a model that this version exported"


def load_predict(folder: Path, batch_size: int = 256) -> Predict:
    """A SavedModel's `serve_pixels`: uint8 (n, 48, 48) -> probabilities (n, classes), `batch_size` at a time."""
    require_model(folder)
    import tensorflow as tf

    model, name = tf.saved_model.load(str(folder)), contract.SERVE_PIXELS
    if name not in model.signatures:
        names = ", ".join(sorted(model.signatures))
        raise DataError(f"{folder}: no signature {name} among {names}; give a model that fer-tfx exported")

    def predict(pixels: Pixels) -> npt.NDArray[np.float32]:
        # Through the model, which owns the variables.
        batches = (pixels[start : start + batch_size, ..., None] for start in range(0, len(pixels), batch_size))
        answers = (model.signatures[name](**{contract.PIXELS_KEY: tf.constant(each)}) for each in batches)
        return np.concatenate([each[contract.PROBABILITIES_KEY].numpy() for each in answers])

    return predict


def predict_views(predict: Predict, pixels: Pixels, count: int) -> npt.NDArray[np.float32]:
    """Answers to each view of the pictures, uint8 (n, 48, 48): (count, n, classes)."""
    answers = predict(make_views(pixels[..., np.newaxis], count)[..., 0])
    return answers.reshape(count, len(pixels), answers.shape[1])


def require_model(folder: Path) -> None:
    """Raise DataError unless the folder holds a SavedModel."""
    if not (folder / "saved_model.pb").is_file():
        raise DataError(f"{folder}: no SavedModel; give the folder of one version, such as runs/fer/serving/<version>")


def require_fer2013_classes(folder: Path) -> None:
    """Raise DataError unless a model has the classes that the labels of FER2013 count."""
    if (found := read_class_names(folder)) != contract.DEFAULT_CLASS_NAMES:
        classes = f"has the classes {', '.join(found)}, FER2013 has {', '.join(contract.DEFAULT_CLASS_NAMES)}"
        raise DataError(f"{folder}: {classes}; give a model of these, in this order")


def read_calibration(folder: Path) -> dict[str, Any]:
    """`temperature`, which is part of the graph, and `abstain_threshold`. Raises DataError."""
    path = folder / contract.EXTRA_ASSETS_DIR / contract.CALIBRATION_FILE
    return read_json_object(path, _REMEDY, ("temperature", "abstain_threshold"))


def read_record(folder: Path) -> dict[str, Any]:
    """What `models.trainer_fn` noted of the training. Raises DataError."""
    path = folder / contract.EXTRA_ASSETS_DIR / contract.TRAINING_RECORD_FILE
    return read_json_object(path, _REMEDY, ("parameters", "code", "model", "trainer", "history"))


def read_class_names(folder: Path) -> tuple[str, ...]:
    """By class index. Raises DataError."""
    path = folder / contract.EXTRA_ASSETS_DIR / contract.CLASS_NAMES_FILE
    try:
        return (*path.read_text("utf-8").splitlines(),)
    except OSError as error:
        raise DataError(f"{path}: can't be read: {error.strerror}; {_REMEDY}") from None


def list_epochs(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of all networks that count: what a killed run repeated is in there once."""
    return [epoch for each in (record, *record.get("members", ())) for epoch in each["history"]]


def sum_training_seconds(record: dict[str, Any]) -> float:
    """Wall time of `list_epochs`."""
    return float(round(sum(epoch["seconds"] for epoch in list_epochs(record)), 1))
