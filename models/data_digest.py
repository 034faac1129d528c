"""A name for what a training is fed with, by content: files that were written anew count as the same."""

import hashlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from fer_tfx.contract import PIXEL_COUNT
from models.dataset import Examples, LabelledExamples, read_batches
from models.streaming import StreamedExamples


def compute_data_digest(train: LabelledExamples, eval_: Examples, transform: Callable[[tf.Tensor], tf.Tensor]) -> str:
    """SHA-256 over both splits, in their order, and over what `transform` makes of one picture.

    A gigabyte takes a second; the 26,941 rows of FER2013 a tenth of one. Memory holds a thousand pictures at a time.

    Args:
        train: to learn from.
        eval_: to judge by.
        transform: raw pictures, string (n,), -> images, float32 (n, 48, 48, 1); the same for each pixel of any picture.
    """
    digest = hashlib.sha256()
    for examples in (train, eval_):
        class_indices = []
        for raw, classes in read_batches(examples):
            digest.update(b"".join(raw))
            class_indices.append(classes.tobytes())
        digest.update(b"".join(class_indices))
    digest.update(_describe_transform(transform))
    return digest.hexdigest()


def compute_streamed_digest(
    train: StreamedExamples, eval_: StreamedExamples, transform: Callable[[tf.Tensor], tf.Tensor], *how: object
) -> str:
    """The same for splits that are streamed. The rows of each file count too: they decide what is read when.

    Args:
        train: to learn from.
        eval_: to judge by.
        transform: see `compute_data_digest`.
        how: all else that decides the order of the pictures, each with a `repr` of its own.
    """
    digest = hashlib.sha256(repr((how, train.row_counts, train.digest, eval_.digest)).encode())
    digest.update(_describe_transform(transform))
    return digest.hexdigest()


def _describe_transform(transform: Callable[[tf.Tensor], tf.Tensor]) -> bytes:
    every_value = (np.arange(PIXEL_COUNT) % 256).astype(np.uint8).tobytes()
    answer: bytes = transform(tf.constant([every_value])).numpy().tobytes()
    return answer
