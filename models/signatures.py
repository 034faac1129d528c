"""The signatures of an exported model: three kinds of input, one graph of preprocessing, one softmax over views."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from fer_tfx import contract
from fer_tfx.views import ZOOM_PX, ZOOM_SHARES
from models.calibration import Calibrations
from models.picture_bounds import bound_picture, check_headers
from models.transform_graph import TransformGraph

Outputs = dict[str, tf.Tensor]
Signature = tuple[Callable[[tf.Tensor], Outputs], tf.TensorSpec]

# Luma of ITU-R BT.601, as in Pillow's convert("L"). They sum to 1, so grey stays as it is.
_LUMA_WEIGHTS = (0.299, 0.587, 0.114)
_DECODED_AT_ONCE = 2  # of one request; each takes up to 90 MB


def build_signatures(
    compute_logits: Callable[[tf.Tensor], tf.Tensor],
    transform: TransformGraph,
    calibrations: Calibrations,
    class_names: Sequence[str],
) -> dict[str, Signature]:
    """By name, functions of serialised examples, raw pixels or files of pictures, each with the spec of its input.

    Each returns `probabilities` float32 (batch, classes), the softmax of the mean logits over `calibrations.views`
    views, `class_names` string (batch, classes), each row the given ones, `class_index` int64 and `confidence` float32
    (batch,), `class_name` string (batch, 1), and `abstain` bool (batch,). Pixels are uint8 (batch, 48, 48, 1) or
    (batch, 48, 48); `compute_logits` maps float32 images to logits (batch, classes).
    """
    views, calibration = calibrations.views, calibrations.served

    def serve_pixels(pixels: tf.Tensor) -> Outputs:
        batch = _to_batch(pixels)
        logits = compute_logits(transform.apply_to_pixels(make_views(_fill(batch), views)))
        mean = tf.add_n(tf.split(logits, views))[: tf.shape(batch)[0]] / views
        probabilities = tf.nn.softmax(mean / calibration.temperature)
        confidence = tf.reduce_max(probabilities, axis=-1)
        names = tf.constant(class_names)
        class_index = tf.argmax(probabilities, axis=-1, output_type=tf.int64)
        return {
            contract.PROBABILITIES_KEY: probabilities,
            contract.CLASS_INDEX_KEY: class_index,
            contract.CLASS_NAMES_KEY: tf.repeat(names[tf.newaxis], tf.shape(class_index)[0], axis=0),
            contract.CLASS_NAME_KEY: tf.gather(names, class_index)[:, tf.newaxis],
            contract.CONFIDENCE_KEY: confidence,
            contract.ABSTAIN_KEY: confidence < calibration.abstain_threshold,
        }

    def serve_examples(examples: tf.Tensor) -> Outputs:
        # Only `pixels` is parsed: an example to predict has no label.
        features = tf.io.parse_example(examples, {contract.PIXELS_KEY: tf.io.FixedLenFeature([], tf.string)})
        return serve_pixels(decode_raw(features[contract.PIXELS_KEY]))

    def serve_images(image_bytes: tf.Tensor) -> Outputs:
        return serve_pixels(decode_images(image_bytes))

    return {
        name: (serve, tf.TensorSpec(shape, dtype, name=contract.INPUT_OF_SIGNATURE[name]))
        for name, serve, shape, dtype in (
            (contract.SERVE_EXAMPLES, serve_examples, [None], tf.string),
            (contract.SERVE_PIXELS, serve_pixels, None, tf.uint8),
            (contract.SERVE_IMAGES, serve_images, [None], tf.string),
        )
    }


def decode_raw(raw: tf.Tensor) -> tf.Tensor:
    """Raw pictures, string (batch,), each 2,304 bytes -> pixels, uint8 (batch, 48, 48, 1)."""
    # Counted, as reshape with -1 would take a picture of twice the length for two.
    return tf.reshape(tf.io.decode_raw(raw, tf.uint8), [tf.size(raw), *contract.IMAGE_SHAPE])


def make_views(pixels: tf.Tensor, count: int) -> tf.Tensor:
    """See `fer_tfx.views.make_views`, which it matches byte for byte."""
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
    """Function of raw pictures, string (batch,), that gives each view's logits, float32 (batch, count, classes)."""

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def compute(raw: tf.Tensor) -> tf.Tensor:
        logits = compute_logits(transform.apply_to_pixels(make_views(decode_raw(raw), count)))
        return tf.transpose(tf.reshape(logits, [count, -1, logits.shape[-1]]), [1, 0, 2])

    return compute  # type: ignore[no-any-return]


def _to_batch(pixels: tf.Tensor) -> tf.Tensor:
    """Pixels with or without their last axis, of length 1 -> uint8 (batch, 48, 48, 1); other shapes are refused."""
    shape = tf.shape(pixels)
    is_square = tf.reduce_all(shape[1:3] == contract.IMAGE_SIZE_PX)  # a reshape alone would accept a picture of 96x24
    fits = tf.logical_and(is_square, tf.reduce_prod(shape[1:]) == contract.PIXEL_COUNT)
    height, width, _ = contract.IMAGE_SHAPE
    expected = f"pixels: expected the shape (n, {height}, {width}, 1) or without the 1, got"
    with tf.control_dependencies([tf.debugging.Assert(fits, [expected, shape])]):
        return tf.reshape(pixels, [shape[0], *contract.IMAGE_SHAPE])


def _fill(batch: tf.Tensor) -> tf.Tensor:
    """Add a black picture to an empty batch, which TensorFlow's convolution on CPU gives a wrong shape."""
    missing_count = tf.maximum(1 - tf.shape(batch)[0], 0)
    return tf.concat([batch, tf.zeros([missing_count, *contract.IMAGE_SHAPE], tf.uint8)], axis=0)


def decode_images(image_bytes: tf.Tensor) -> tf.Tensor:
    """Files of pictures, string (batch,), PNG, JPEG, GIF or BMP, -> uint8 (batch, 48, 48, 1).

    Colours become grey, transparency is dropped, of an animation the first frame counts, and each side is scaled to 48
    px. A picture of more than `MAX_SERVED_PIXELS` is refused undecoded.
    """
    spec = tf.TensorSpec(contract.IMAGE_SHAPE, tf.uint8)
    checked = (image_bytes, check_headers(image_bytes))
    return tf.map_fn(_decode_image, checked, parallel_iterations=_DECODED_AT_ONCE, fn_output_signature=spec)


def _decode_image(checked: tuple[tf.Tensor, tf.Tensor]) -> Any:
    colours = tf.io.decode_image(bound_picture(*checked), channels=3, expand_animations=False)
    # Both steps are linear, so 48x48 colours are weighed. tf.image.resize would first turn megapixels into floats.
    size = [contract.IMAGE_SIZE_PX, contract.IMAGE_SIZE_PX]
    scale = tf.cast(size, tf.float32) / tf.cast(tf.shape(colours)[:2], tf.float32)
    how = {"size": size, "scale": scale, "translation": [0.0, 0.0], "kernel_type": "triangle", "antialias": True}
    resized = tf.raw_ops.ScaleAndTranslate(images=colours[tf.newaxis], **how)[0]
    grey = tf.reduce_sum(resized * tf.constant(_LUMA_WEIGHTS), axis=-1, keepdims=True)
    pixels = tf.cast(tf.clip_by_value(tf.round(grey), 0.0, 255.0), tf.uint8)
    return tf.ensure_shape(pixels, contract.IMAGE_SHAPE)
