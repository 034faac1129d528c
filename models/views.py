"""The views of `fer_tfx.views` within a TensorFlow graph, byte for byte, and the logits of each."""

from collections.abc import Callable

import tensorflow as tf

from fer_tfx.contract import CLASS_COUNT, IMAGE_SHAPE
from fer_tfx.views import ZOOM_PX, ZOOM_SHARES
from models.transform_graph import TransformGraph


def decode_raw(raw: tf.Tensor) -> tf.Tensor:
    """Raw pictures, string (batch,), each 2,304 bytes -> pixels, uint8 (batch, 48, 48, 1)."""
    # Counted, as reshape with -1 would take a picture of twice the length for two.
    return tf.reshape(tf.io.decode_raw(raw, tf.uint8), [tf.size(raw), *IMAGE_SHAPE])


def make_views(pixels: tf.Tensor, count: int) -> tf.Tensor:
    """See `fer_tfx.views.make_views`."""
    views = [pixels]
    if count > 1:
        views += [pixels[:, :, ::-1]]
    if count > 2:
        enlarged = _enlarge(pixels)
        views += [enlarged, enlarged[:, :, ::-1]]
    return tf.concat(views, axis=0)


def _enlarge(pixels: tf.Tensor) -> tf.Tensor:
    images = tf.cast(pixels, tf.float32)
    for axis, shape in ((1, [-1, 1, 1]), (2, [-1, 1])):
        shares = ZOOM_SHARES.reshape(shape)
        nearer, farther = (tf.gather(images, ZOOM_PX + step, axis=axis) for step in (0, 1))
        images = nearer * (1 - shares) + farther * shares
    return tf.cast(tf.round(images), tf.uint8)


def build_view_logits(
    compute_logits: Callable[[tf.Tensor], tf.Tensor], transform: TransformGraph, count: int
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Function of raw pictures, string (batch,), that gives the logits of each view, float32 (batch, count, 7)."""

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def compute(raw: tf.Tensor) -> tf.Tensor:
        logits = compute_logits(transform.apply_to_pixels(make_views(decode_raw(raw), count)))
        return tf.transpose(tf.reshape(logits, [count, -1, CLASS_COUNT]), [1, 0, 2])

    return compute  # type: ignore[no-any-return]
