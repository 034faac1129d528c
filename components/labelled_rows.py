"""Reads the rows of a split, for whoever shows pictures or asks a model about them."""

import os
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from fer_tfx.contract import IMAGE_SIZE_PX, LABEL_KEY, PIXELS_KEY, ROW_KEY, SOURCE_KEY
from reporting.answered import LabelledRows, Pictures

_BATCH_SIZE = 1024
_FEATURES = {
    PIXELS_KEY: tf.io.FixedLenFeature([], tf.string),
    LABEL_KEY: tf.io.FixedLenFeature([], tf.int64),
    SOURCE_KEY: tf.io.FixedLenFeature([], tf.string),
    ROW_KEY: tf.io.FixedLenFeature([], tf.int64),
}


def read_batches(split_uri: str) -> Iterator[LabelledRows]:
    """The rows of one split, in the order of its files, at most 1,024 at a time."""
    paths = sorted(tf.io.gfile.glob(os.path.join(split_uri, "*")))
    records = tf.data.TFRecordDataset(paths, compression_type="GZIP").batch(_BATCH_SIZE)
    for batch in records.map(lambda serialised: tf.io.parse_example(serialised, _FEATURES)).as_numpy_iterator():
        yield LabelledRows(
            pixels=np.frombuffer(b"".join(batch[PIXELS_KEY]), np.uint8).reshape(-1, IMAGE_SIZE_PX, IMAGE_SIZE_PX),
            class_indices=batch[LABEL_KEY],
            sources=tuple(source.decode() for source in batch[SOURCE_KEY]),
            positions=batch[ROW_KEY],
        )


def read_pictures(split_uri: str, places: Sequence[int]) -> dict[int, Pictures]:
    """Pictures, (48, 48) each, by their place in the split; those that lie behind its end are missing."""
    found: dict[int, Pictures] = {}
    start = 0
    for rows in read_batches(split_uri):
        found |= {at: rows.pixels[at - start].copy() for at in places if start <= at < start + len(rows.pixels)}
        start += len(rows.pixels)
    return found
