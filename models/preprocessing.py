"""Raw bytes -> normalised pictures, as the graph that Transform saves and that training and serving share."""

from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from fer_tfx.contract import IMAGE_KEY, IMAGE_SHAPE, PIXELS_KEY


def preprocessing_fn(inputs: dict[str, Any], custom_config: dict[str, Any] | None = None) -> dict[str, Any]:
    """Decode pictures and z-score them with one mean and one variance over all pixels of the train split.

    `pixels`, string (batch,) or (batch, 1), each value 2,304 raw uint8 bytes -> `image_xf`, float32 (batch, 48, 48, 1).
    """
    del custom_config  # carries a fingerprint of this code, so that an edit misses TFX's cache
    raw = tf.reshape(inputs[PIXELS_KEY], [-1])
    # Counted, as reshape with -1 would take a picture of twice the length for two.
    pixels = tf.reshape(tf.io.decode_raw(raw, tf.uint8), [tf.size(raw), *IMAGE_SHAPE])
    # Sums of integers are exact. TFT's own mean and variance depend on batches, which Beam sizes by the clock.
    numbers = tf.cast(pixels, tf.int64)
    totals = tf.stack([tf.size(numbers, out_type=tf.int64), tf.reduce_sum(numbers), tf.reduce_sum(numbers * numbers)])
    totals = tf.cast(tft.sum(totals[tf.newaxis], reduce_instance_dims=False), tf.float64)
    count, total, total_of_squares = tf.unstack(totals)
    mean = total / count
    deviation = tf.sqrt(total_of_squares / count - mean * mean)
    mean, deviation = tf.cast(mean / 255.0, tf.float32), tf.cast(deviation / 255.0, tf.float32)
    images = tf.math.divide_no_nan(tf.cast(pixels, tf.float32) / 255.0 - mean, deviation)
    return {IMAGE_KEY: tf.ensure_shape(images, [None, *IMAGE_SHAPE])}
