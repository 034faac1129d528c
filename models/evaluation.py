"""What a network says of a whole split, and how good that is."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray


def build_evaluation(network: keras.Model, dataset: tf.data.Dataset) -> Callable[[], tuple[float, float]]:
    """Function that computes (cross entropy in nats, accuracy 0-1) of `network` as it is when called.

    It runs on one device, also when several train: a split is small, and no batch needs to be shared out.

    Args:
        network: images -> logits.
        dataset: elements (images float32 (b, 48, 48, 1), class_indices int64 (b,)).
    """
    compute_logits = tf.function(lambda images: network(images, training=False), reduce_retracing=True)

    def evaluate() -> tuple[float, float]:
        logits, class_indices = predict_logits(compute_logits, dataset)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(class_indices, logits).numpy()
        return float(losses.mean()), float((logits.argmax(axis=1) == class_indices).mean())

    return evaluate


def predict_logits(
    compute_logits: Callable[[tf.Tensor], tf.Tensor], dataset: tf.data.Dataset
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Logits, float32 (n, 7), and classes, int64 (n,), of a split.

    Args:
        compute_logits: images -> logits.
        dataset: elements (images float32 (b, 48, 48, 1), class_indices int64 (b,)).
    """
    batches = [(compute_logits(images).numpy(), class_indices.numpy()) for images, class_indices in dataset]
    logits, class_indices = zip(*batches, strict=True)
    return np.concatenate(logits), np.concatenate(class_indices)
