"""What an exported model answers to: three kinds of input, one graph of preprocessing, one softmax."""

from collections.abc import Callable
from typing import Any, Protocol

import tensorflow as tf

from fer_tfx.contract import (
    ABSTAIN_KEY,
    CLASS_INDEX_KEY,
    CLASS_NAME_KEY,
    CLASS_NAMES,
    CONFIDENCE_KEY,
    IMAGE_SHAPE,
    IMAGE_SIZE_PX,
    INPUT_OF_SIGNATURE,
    PIXEL_COUNT,
    PIXELS_KEY,
    PROBABILITIES_KEY,
    SERVE_EXAMPLES,
    SERVE_IMAGES,
    SERVE_PIXELS,
)
from models.calibration import Calibration
from models.picture_bounds import bound_picture, check_headers

Outputs = dict[str, tf.Tensor]
Signature = tuple[Callable[[tf.Tensor], Outputs], tf.TensorSpec]

# Luma of ITU-R BT.601, as in Pillow's convert("L"). They sum to 1, so grey stays as it is.
_LUMA_WEIGHTS = (0.299, 0.587, 0.114)
_DECODED_AT_ONCE = 2  # of one request; each takes up to 400 MB


class PictureTransform(Protocol):
    """The Transform graph, as `models.transform_graph.TransformGraph` has it."""

    def __call__(self, raw: tf.Tensor) -> tf.Tensor:
        """Raw pictures, string (batch,), -> images, float32 (batch, 48, 48, 1)."""

    def apply_to_pixels(self, pixels: tf.Tensor) -> tf.Tensor:
        """Pixels, uint8 (batch, 48, 48, 1), -> images."""


def build_signatures(
    compute_logits: Callable[[tf.Tensor], tf.Tensor], transform: PictureTransform, calibration: Calibration
) -> dict[str, Signature]:
    """Functions of a model that takes serialised examples, raw pixels or files of pictures.

    Args:
        compute_logits: images float32 (batch, 48, 48, 1) -> logits float32 (batch, 7).
        transform: raw pictures or pixels -> images.
        calibration: its temperature divides the logits, so that probabilities are as often right as they say, and
            below its threshold the model had better say nothing.

    Returns:
        Name of a signature -> (function, spec of its one input). Each function returns `probabilities` float32
        (batch, 7), `class_index` int64 (batch,), `class_name` string (batch, 1), `confidence` float32 (batch,),
        `abstain` bool (batch,). Pixels may come as (batch, 48, 48, 1) or (batch, 48, 48).
    """

    def answer(images: tf.Tensor, row_count: tf.Tensor) -> Outputs:
        logits = compute_logits(images)[:row_count] / calibration.temperature
        return _build_outputs(logits, calibration.abstain_threshold)

    def serve_examples(examples: tf.Tensor) -> Outputs:
        # Only `pixels` is parsed: an example to predict has no label.
        features = tf.io.parse_example(examples, {PIXELS_KEY: tf.io.FixedLenFeature([], tf.string)})
        raw = features[PIXELS_KEY]
        return answer(transform(_fill(raw, tf.constant(bytes(PIXEL_COUNT)))), tf.size(raw))

    def serve_pixels(pixels: tf.Tensor) -> Outputs:
        batch = _to_batch(pixels)
        filled = _fill(batch, tf.zeros(IMAGE_SHAPE, tf.uint8))
        return answer(transform.apply_to_pixels(filled), tf.shape(batch)[0])

    def serve_images(image_bytes: tf.Tensor) -> Outputs:
        return serve_pixels(decode_images(image_bytes))

    return {
        SERVE_EXAMPLES: (serve_examples, tf.TensorSpec([None], tf.string, name=INPUT_OF_SIGNATURE[SERVE_EXAMPLES])),
        SERVE_PIXELS: (serve_pixels, tf.TensorSpec(None, tf.uint8, name=INPUT_OF_SIGNATURE[SERVE_PIXELS])),
        SERVE_IMAGES: (serve_images, tf.TensorSpec([None], tf.string, name=INPUT_OF_SIGNATURE[SERVE_IMAGES])),
    }


def _to_batch(pixels: tf.Tensor) -> tf.Tensor:
    """Pixels with or without their last axis, of length 1 -> uint8 (batch, 48, 48, 1); other shapes are refused.

    A reshape alone would take a picture of 96x24 for one of 48x48.
    """
    shape = tf.shape(pixels)
    is_square = tf.reduce_all(shape[1:3] == IMAGE_SIZE_PX)
    fits = tf.logical_and(is_square, tf.reduce_prod(shape[1:]) == PIXEL_COUNT)
    expected = f"pixels: expected the shape (n, {IMAGE_SIZE_PX}, {IMAGE_SIZE_PX}, 1) or without the 1, got"
    with tf.control_dependencies([tf.debugging.Assert(fits, [expected, shape])]):
        return tf.reshape(pixels, [shape[0], *IMAGE_SHAPE])


def _fill(rows: tf.Tensor, filler: tf.Tensor) -> tf.Tensor:
    """TensorFlow's convolution on CPU gives a batch of no rows a wrong shape, so such a batch gets a black picture."""
    missing_count = tf.maximum(1 - tf.shape(rows)[0], 0)
    return tf.concat([rows, tf.repeat(filler[tf.newaxis], missing_count, axis=0)], axis=0)


def _build_outputs(logits: tf.Tensor, abstain_threshold: float) -> Outputs:
    probabilities = tf.nn.softmax(logits)
    confidence = tf.reduce_max(probabilities, axis=-1)
    class_index = tf.argmax(probabilities, axis=-1, output_type=tf.int64)
    return {
        PROBABILITIES_KEY: probabilities,
        CLASS_INDEX_KEY: class_index,
        CLASS_NAME_KEY: tf.gather(tf.constant(CLASS_NAMES), class_index)[:, tf.newaxis],
        CONFIDENCE_KEY: confidence,
        ABSTAIN_KEY: confidence < abstain_threshold,
    }


def decode_images(image_bytes: tf.Tensor) -> tf.Tensor:
    """Files of pictures, string (batch,), PNG, JPEG, GIF or BMP, -> uint8 (batch, 48, 48, 1).

    Colours become grey, transparency is dropped, of an animation the first frame counts, and the sides are
    scaled to 48 px each by itself, so a picture that is not square is distorted: cut the face out first. One of more
    than `MAX_SERVED_PIXELS` is refused undecoded.
    """
    spec = tf.TensorSpec(IMAGE_SHAPE, tf.uint8)
    checked = (image_bytes, check_headers(image_bytes))
    return tf.map_fn(_decode_image, checked, parallel_iterations=_DECODED_AT_ONCE, fn_output_signature=spec)


def _decode_image(checked: tuple[tf.Tensor, tf.Tensor]) -> Any:
    colours = tf.io.decode_image(bound_picture(*checked), channels=3, expand_animations=False)
    grey = tf.reduce_sum(tf.cast(colours, tf.float32) * tf.constant(_LUMA_WEIGHTS), axis=-1, keepdims=True)
    resized = tf.image.resize(grey, [IMAGE_SIZE_PX, IMAGE_SIZE_PX], antialias=True)
    pixels = tf.cast(tf.clip_by_value(tf.round(resized), 0.0, 255.0), tf.uint8)
    return tf.ensure_shape(pixels, IMAGE_SHAPE)
