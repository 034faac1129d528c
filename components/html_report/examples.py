"""Examples of a split and a model's answers to them, as NumPy."""

import os
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from components.loaded_model import open_signature
from reporting.evaluation import LabelledRows
from schema.contract import (
    IMAGE_SIZE_PX,
    LABEL_KEY,
    PIXELS_KEY,
    PROBABILITIES_KEY,
    ROW_KEY,
    SERVE_PIXELS,
    SOURCE_KEY,
)

_READ_BATCH_SIZE = 1024
_PREDICT_BATCH_SIZE = 256
_FEATURES = {
    PIXELS_KEY: tf.io.FixedLenFeature([], tf.string),
    LABEL_KEY: tf.io.FixedLenFeature([], tf.int64),
    SOURCE_KEY: tf.io.FixedLenFeature([], tf.string),
    ROW_KEY: tf.io.FixedLenFeature([], tf.int64),
}


def read_batches(split_uri: str) -> Iterator[LabelledRows]:
    """The rows of one split, in the order of its files, at most 1,024 at a time."""
    paths = sorted(tf.io.gfile.glob(os.path.join(split_uri, "*")))
    records = tf.data.TFRecordDataset(paths, compression_type="GZIP").batch(_READ_BATCH_SIZE)
    for batch in records.map(lambda serialised: tf.io.parse_example(serialised, _FEATURES)).as_numpy_iterator():
        yield LabelledRows(
            pixels=np.frombuffer(b"".join(batch[PIXELS_KEY]), np.uint8).reshape(-1, IMAGE_SIZE_PX, IMAGE_SIZE_PX),
            class_indices=batch[LABEL_KEY],
            sources=tuple(source.decode() for source in batch[SOURCE_KEY]),
            positions=batch[ROW_KEY],
        )


def read_rows(split_uri: str) -> LabelledRows:
    """All rows of a split that has at least one."""
    batches = list(read_batches(split_uri))
    return LabelledRows(
        pixels=np.concatenate([batch.pixels for batch in batches]),
        class_indices=np.concatenate([batch.class_indices for batch in batches]),
        sources=tuple(source for batch in batches for source in batch.sources),
        positions=np.concatenate([batch.positions for batch in batches]),
    )


def predict(model_dir: str, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """The exported model's answers through `serve_pixels`: uint8 (n, 48, 48), n at least 1, -> float32 (n, 7)."""
    starts = range(0, len(pixels), _PREDICT_BATCH_SIZE)
    with open_signature(model_dir, SERVE_PIXELS, [PROBABILITIES_KEY]) as ask:
        return np.concatenate([ask(pixels[start : start + _PREDICT_BATCH_SIZE, ..., None])[0] for start in starts])
