"""Raw bytes -> normalised pictures, as the graph that Transform saves and that training and serving share."""

from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from fer_tfx.contract import IMAGE_KEY, IMAGE_SHAPE, PIXELS_KEY


def preprocessing_fn(inputs: dict[str, Any], custom_config: dict[str, Any] | None = None) -> dict[str, Any]:
    """Decode pictures and z-score them with one mean and one variance over all pixels of the train split.

    One pair of figures keeps a bright picture bright; a pair per pixel would remove the mean face.

    Args:
        inputs: `pixels`, string (batch,) or (batch, 1), each value 2,304 raw uint8 bytes; others are ignored.
        custom_config: ignored; it carries a fingerprint of this code, so that an edit misses TFX's cache.

    Returns:
        `image_xf`: float32 (batch, 48, 48, 1), zero mean and unit variance on the train split.

    Raises:
        tf.errors.InvalidArgumentError: when the graph meets a picture that is not 2,304 bytes long.
    """
    del custom_config
    raw = tf.reshape(inputs[PIXELS_KEY], [-1])
    # Counted, not left to reshape: with -1 a picture of twice the length would be taken for two.
    pixels = tf.reshape(tf.io.decode_raw(raw, tf.uint8), [tf.size(raw), *IMAGE_SHAPE])
    mean, deviation = _find_mean_and_deviation(pixels)
    images = tf.math.divide_no_nan(tf.cast(pixels, tf.float32) / 255.0 - mean, deviation)
    return {IMAGE_KEY: tf.ensure_shape(images, [None, *IMAGE_SHAPE])}


def _find_mean_and_deviation(pixels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Those of all pixels of the train split over 255, each float32 ().

    From sums of integers, which are exact: TFT's own mean and variance merge floats batch by batch, and Beam sizes
    batches by the clock. So two runs on the same rows got figures that differ in their last bits, and trained to
    different weights.
    """
    numbers = tf.cast(pixels, tf.int64)
    count = tf.size(numbers, out_type=tf.int64)
    totals = tf.stack([count, tf.reduce_sum(numbers), tf.reduce_sum(numbers * numbers)])
    count, total, total_of_squares = tf.unstack(
        tf.cast(tft.sum(totals[tf.newaxis], reduce_instance_dims=False), tf.float64)
    )
    mean = total / count
    variance = total_of_squares / count - mean * mean
    return tf.cast(mean / 255.0, tf.float32), tf.cast(tf.sqrt(variance) / 255.0, tf.float32)
