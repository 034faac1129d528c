"""Which devices train."""

import tensorflow as tf


def choose_strategy() -> tf.distribute.Strategy:
    """All GPUs of this machine when it has several, otherwise the one device TensorFlow picks by itself.

    Build the network within the scope of the strategy.
    """
    if len(tf.config.list_logical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()
