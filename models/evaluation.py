"""Loss and accuracy of a network on a whole split."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf


def build_evaluation(network: keras.Model, dataset: tf.data.Dataset) -> Callable[[], tuple[float, float]]:
    """Function that computes (cross entropy in nats, accuracy 0-1) of `network` as it is when called.

    It runs on one device, also when several train: a split is small, and no batch needs to be shared out.

    Args:
        network: images -> logits.
        dataset: elements (images float32 (b, 48, 48, 1), class_indices int64 (b,)).
    """
    compute_logits = tf.function(lambda images: network(images, training=False), reduce_retracing=True)

    def evaluate() -> tuple[float, float]:
        losses, hits = [], []
        for images, class_indices in dataset:
            logits = compute_logits(images)
            losses.append(tf.nn.sparse_softmax_cross_entropy_with_logits(class_indices, logits).numpy())
            hits.append(tf.equal(tf.argmax(logits, axis=-1), class_indices).numpy())
        return float(np.concatenate(losses).mean()), float(np.concatenate(hits).mean())

    return evaluate
