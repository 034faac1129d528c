"""A model whose answers can be worked out by hand, and a data folder to go with it."""

import json
import lzma
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from fer_tfx.contract import DEFAULT_CLASS_NAMES

HISTORY = [
    {"epoch": 1, "loss": 2.0, "accuracy": 0.2, "eval_loss": None, "eval_accuracy": None, "learning_rate": 0.1,
     "seconds": 10.5},
    {"epoch": 2, "loss": 1.5, "accuracy": 0.4, "eval_loss": 1.4, "eval_accuracy": 0.5, "learning_rate": 0.0,
     "seconds": 12.0},
]  # fmt: skip
RECORD = {
    "parameters": 7,
    "code": "0123456789abcdef",
    "model": {"stem_filters": 4},
    "trainer": {"epochs": 2},
    "history": HISTORY,
}


class CornerModelDouble(tf.Module):
    """Sure, to 1/2, of the class that the first pixel names; the other six classes share the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.share = tf.Variable(0.5)
        self.kernel = tf.Variable(tf.zeros([1, 1, 1, 1]))  # for int8, which begins at a convolution; adds nothing

    @tf.function(input_signature=[tf.TensorSpec([None, 48, 48, 1], tf.uint8, name="pixels")])
    def serve_pixels(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        named = tf.one_hot(tf.cast(pixels[:, 0, 0, 0], tf.int32), 7)
        features = tf.nn.conv2d(tf.cast(pixels, tf.float32), self.kernel, 1, "SAME")
        shares = named * self.share + (1.0 - named) * (1.0 - self.share) / 6.0
        return {"probabilities": shares + tf.reduce_mean(features, axis=[1, 2])}


def write_model(folder: Path, calibration: Any = None, record: Any = None, signature: str = "serve_pixels") -> Path:
    """Save the double with the files that an export has beside it."""
    model = CornerModelDouble()
    tf.saved_model.save(model, str(folder), signatures={signature: model.serve_pixels})
    extra = folder / "assets.extra"
    extra.mkdir()
    (extra / "calibration.json").write_text(
        json.dumps(calibration or {"temperature": 2.0, "abstain_threshold": 0.45}), "utf-8"
    )
    (extra / "class_names.txt").write_text("\n".join(DEFAULT_CLASS_NAMES) + "\n", "utf-8")
    (extra / "training_record.json").write_text(json.dumps(RECORD if record is None else record), "utf-8")
    return folder


def draw_pixels(first_values: Iterable[int], value: int = 100) -> np.ndarray:
    """Plain pictures whose first pixel is given: uint8 (n, 48, 48). The last pixel makes each one different."""
    first = list(first_values)
    pixels = np.full((len(first), 48, 48), value, np.uint8)
    pixels[:, 0, 0] = first
    pixels[:, -1, -1] = np.arange(len(first))
    return pixels


def write_data(
    folder: Path, train: np.ndarray, test: np.ndarray, labels: Iterable[int], train_labels: Iterable[int] | None = None
) -> Path:
    """The competition's three files, `test` and `train` uint8 (n, 48, 48); training rows are of class 0 by default."""
    folder.mkdir(exist_ok=True)
    classes = [0] * len(train) if train_labels is None else list(train_labels)
    train_rows = [f'{label},"{_to_text(picture)}"' for label, picture in zip(classes, train, strict=True)]
    test_rows = [f'"{_to_text(picture)}"' for picture in test]
    _write_xz(folder / "train.csv.xz", ["emotion,pixels", *train_rows])
    _write_xz(folder / "test.csv.xz", ["pixels", *test_rows])
    (folder / "public_test_labels.csv").write_text("\n".join(["emotion", *map(str, labels)]) + "\n", "utf-8")
    return folder


def _to_text(picture: np.ndarray) -> str:
    return " ".join(map(str, picture.ravel()))


def _write_xz(path: Path, lines: list[str]) -> None:
    with lzma.open(path, "wt") as file:
        file.write("\n".join(lines) + "\n")
