"""Examples of a split and a model's answers to them, as NumPy."""

import os
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from components.loaded_model import open_signature
from fer_tfx.contract import IMAGE_SIZE_PX, LABEL_KEY, PIXELS_KEY, PROBABILITIES_KEY, ROW_KEY, SERVE_PIXELS, SOURCE_KEY
from reporting.evaluation import LabelledRows

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
    batches = _read_records(split_uri).map(lambda serialised: tf.io.parse_example(serialised, _FEATURES))
    for batch in batches.as_numpy_iterator():
        yield LabelledRows(
            pixels=np.frombuffer(b"".join(batch[PIXELS_KEY]), np.uint8).reshape(-1, IMAGE_SIZE_PX, IMAGE_SIZE_PX),
            class_indices=batch[LABEL_KEY],
            sources=tuple(source.decode() for source in batch[SOURCE_KEY]),
            positions=batch[ROW_KEY],
        )


def _read_records(split_uri: str) -> tf.data.Dataset:
    paths = sorted(tf.io.gfile.glob(os.path.join(split_uri, "*")))
    return tf.data.TFRecordDataset(paths, compression_type="GZIP").batch(_READ_BATCH_SIZE)


def count_rows(split_uri: str) -> int:
    """Rows of one split."""
    batches = _read_records(split_uri)
    return int(batches.reduce(tf.constant(0, tf.int64), lambda count, batch: count + tf.size(batch, tf.int64)))


def ask(model_dir: str, split_uri: str) -> Iterator[tuple[LabelledRows, npt.NDArray[np.float32]]]:
    """The rows of `read_batches`, and the exported model's answers to each through `serve_pixels`, float32 (n, 7)."""
    with open_signature(model_dir, SERVE_PIXELS, [PROBABILITIES_KEY]) as answer:
        for rows in read_batches(split_uri):
            starts = range(0, len(rows.pixels), _PREDICT_BATCH_SIZE)
            parts = [answer(rows.pixels[start : start + _PREDICT_BATCH_SIZE, ..., None])[0] for start in starts]
            yield rows, np.concatenate(parts)
