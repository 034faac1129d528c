"""A pushed or exported model: its answers, and what lies beside its graph for readers."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_tfx.contract import (
    CALIBRATION_FILE,
    EXTRA_ASSETS_DIR,
    PIXELS_KEY,
    PROBABILITIES_KEY,
    SERVE_PIXELS,
    TRAINING_RECORD_FILE,
)
from fer_tfx.errors import DataError

Pixels = npt.NDArray[np.uint8]
Predict = Callable[[Pixels], npt.NDArray[np.float32]]

_RECORD_KEYS = ("parameters", "code", "model", "trainer", "history")
_EPOCH_KEYS = ("epoch", "loss", "accuracy", "eval_accuracy", "seconds")


@dataclass(frozen=True)
class Exported:
    """A model with what is known of how it came about."""

    predict: Predict
    """uint8 (n, 48, 48) -> probabilities float32 (n, 7), in batches of at most `batch_size`."""
    calibration: dict[str, Any]
    """`temperature`, which is part of the graph, and `abstain_threshold`."""
    record: dict[str, Any]
    """`parameters`, `code`, `model`, `trainer`, `history`: see `models.trainer_fn`."""


def load_exported(folder: Path, batch_size: int = 256) -> Exported:
    """Load a SavedModel with its two files of `assets.extra`.

    Raises:
        DataError: there is no SavedModel, it has no signature for pixels, or a file beside it is missing or broken.
    """
    calibration = _read_extra(folder, CALIBRATION_FILE, ("temperature", "abstain_threshold"))
    record = _read_extra(folder, TRAINING_RECORD_FILE, _RECORD_KEYS)
    _check_values(folder, calibration, record)
    return Exported(load_predict(folder, batch_size), calibration, record)


def load_predict(folder: Path, batch_size: int) -> Predict:
    """The signature `serve_pixels` of a SavedModel, fed with batches of at most `batch_size` pictures."""
    import tensorflow as tf

    if not (folder / "saved_model.pb").is_file():
        raise DataError(f"{folder}: no SavedModel; give the folder of one version, such as runs/fer/serving/<version>")
    model = tf.saved_model.load(str(folder))
    if SERVE_PIXELS not in model.signatures:
        names = ", ".join(sorted(model.signatures))
        raise DataError(f"{folder}: no signature {SERVE_PIXELS} among {names}; give a model that fer-tfx exported")
    signature = model.signatures[SERVE_PIXELS]

    def predict(pixels: Pixels) -> npt.NDArray[np.float32]:
        batches = (pixels[start : start + batch_size, ..., None] for start in range(0, len(pixels), batch_size))
        answers = [signature(**{PIXELS_KEY: tf.constant(batch)})[PROBABILITIES_KEY].numpy() for batch in batches]
        return np.concatenate(answers)

    # The loaded object owns the variables: without it the signature would lose them.
    predict.model = model  # type: ignore[attr-defined]
    return predict


def _read_extra(folder: Path, name: str, keys: tuple[str, ...]) -> dict[str, Any]:
    path = folder / EXTRA_ASSETS_DIR / name
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: can't be read: {reason}; give a model that this version exported") from None
    missing = [key for key in keys if not isinstance(content, dict) or key not in content]
    if missing:
        raise DataError(f"{path}: no {', '.join(missing)} in it; give a model that this version exported")
    return dict(content)


def _check_values(folder: Path, calibration: dict[str, Any], record: dict[str, Any]) -> None:
    extra = folder / EXTRA_ASSETS_DIR
    temperature = calibration["temperature"]
    if not (isinstance(temperature, int | float) and temperature > 0):
        raise DataError(f"{extra / CALIBRATION_FILE}: temperature: expected a number above 0, got {temperature!r}")
    history = record["history"]
    if not (isinstance(history, list) and history):
        raise DataError(f"{extra / TRAINING_RECORD_FILE}: history: expected at least one epoch, got {history!r}")
    missing = sorted({key for epoch in history for key in _EPOCH_KEYS if key not in epoch})
    if missing:
        raise DataError(f"{extra / TRAINING_RECORD_FILE}: history: an epoch has no {', '.join(missing)}")
