"""Random changes of training pictures. Whole batches at once; the same seed always gives the same pictures.

Geometry is one warp, so a picture is interpolated once however many changes it gets.
"""

import math

import tensorflow as tf

from configs.spec import AugmentationConfig
from schema.contract import IMAGE_SIZE_PX

_CENTRE_PX = (IMAGE_SIZE_PX - 1) / 2
# Erased rectangles have sides of 1/8 to 1/2 of the picture: 2 to 25 % of its area, within the 2 to 40 % of
# Zhong et al. 2017, "Random Erasing Data Augmentation".
_MIN_ERASED_PX = IMAGE_SIZE_PX // 8
_MAX_ERASED_PX = IMAGE_SIZE_PX // 2


def augment(images: tf.Tensor, seed: tf.Tensor, config: AugmentationConfig) -> tf.Tensor:
    """Change every picture at random.

    Args:
        images: float32 (batch, 48, 48, 1), z-scored, so that 0 is the mean grey with which gaps are filled.
        seed: int (2,).
        config: how far each change may go; all zero: the pictures are returned as they are.

    Returns:
        float32 (batch, 48, 48, 1).
    """
    warp_seed, light_seed, erase_seed = tf.unstack(tf.random.experimental.stateless_split(seed, 3))
    if config.flip or config.rotation_deg or config.scale_fraction or config.shift_fraction:
        images = _warp_randomly(images, warp_seed, config)
    if config.brightness or config.contrast_fraction:
        images = _relight_randomly(images, light_seed, config)
    if config.erasing_fraction:
        images = _erase_randomly(images, erase_seed, config.erasing_fraction)
    return images


def warp(
    images: tf.Tensor, is_flipped: tf.Tensor, rotation_rad: tf.Tensor, scale: tf.Tensor, shift_px: tf.Tensor
) -> tf.Tensor:
    """Flip, turn and enlarge each picture about its centre, then shift it; bilinear, gaps filled with 0.

    Args:
        images: float32 (batch, 48, 48, 1).
        is_flipped: bool (batch,), left and right are swapped.
        rotation_rad: float32 (batch,), counter-clockwise.
        scale: float32 (batch,), above 1 enlarges.
        shift_px: float32 (batch, 2), to the right and down.

    Returns:
        float32 (batch, 48, 48, 1).
    """
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=_compute_transforms(is_flipped, rotation_rad, scale, shift_px),
        output_shape=tf.shape(images)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )


def _compute_transforms(
    is_flipped: tf.Tensor, rotation_rad: tf.Tensor, scale: tf.Tensor, shift_px: tf.Tensor
) -> tf.Tensor:
    """The op wants the way back: rows (8,) that map a pixel of the new picture to its place in the old one."""
    mirror = tf.where(is_flipped, -1.0, 1.0)
    cosine, sine = tf.cos(rotation_rad) / scale, tf.sin(rotation_rad) / scale
    x_from_x, x_from_y = mirror * cosine, -mirror * sine
    y_from_x, y_from_y = sine, cosine
    moved_x, moved_y = _CENTRE_PX + shift_px[:, 0], _CENTRE_PX + shift_px[:, 1]
    x_offset = _CENTRE_PX - (x_from_x * moved_x + x_from_y * moved_y)
    y_offset = _CENTRE_PX - (y_from_x * moved_x + y_from_y * moved_y)
    zeros = tf.zeros_like(scale)
    return tf.stack([x_from_x, x_from_y, x_offset, y_from_x, y_from_y, y_offset, zeros, zeros], axis=1)


def _warp_randomly(images: tf.Tensor, seed: tf.Tensor, config: AugmentationConfig) -> tf.Tensor:
    count = tf.shape(images)[0]
    seeds = tf.unstack(tf.random.experimental.stateless_split(seed, 4))
    return warp(
        images,
        is_flipped=(_draw([count], seeds[0], 1.0) < 0.0) & config.flip,
        rotation_rad=_draw([count], seeds[1], math.radians(config.rotation_deg)),
        scale=1.0 + _draw([count], seeds[2], config.scale_fraction),
        shift_px=_draw([count, 2], seeds[3], config.shift_fraction * IMAGE_SIZE_PX),
    )


def _relight_randomly(images: tf.Tensor, seed: tf.Tensor, config: AugmentationConfig) -> tf.Tensor:
    """Stretch each picture's values about its own mean, then move that mean."""
    shape = [tf.shape(images)[0], 1, 1, 1]
    contrast_seed, brightness_seed = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
    contrast = 1.0 + _draw(shape, contrast_seed, config.contrast_fraction)
    brightness = _draw(shape, brightness_seed, config.brightness)
    means = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    return (images - means) * contrast + means + brightness


def _erase_randomly(images: tf.Tensor, seed: tf.Tensor, erasing_fraction: float) -> tf.Tensor:
    """Set one rectangle to 0 in a share of the pictures."""
    count = tf.shape(images)[0]
    choice_seed, row_seed, column_seed = tf.unstack(tf.random.experimental.stateless_split(seed, 3))
    is_chosen = tf.random.stateless_uniform([count, 1, 1], choice_seed) < erasing_fraction
    rows, columns = _draw_span(count, row_seed), _draw_span(count, column_seed)
    is_erased = is_chosen & rows[:, :, tf.newaxis] & columns[:, tf.newaxis, :]
    return tf.where(is_erased[..., tf.newaxis], 0.0, images)


def _draw_span(count: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """One random stretch of pixels along one axis for each picture: bool (count, 48)."""
    length_seed, start_seed = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
    lengths = tf.random.stateless_uniform([count, 1], length_seed, _MIN_ERASED_PX, _MAX_ERASED_PX + 1, tf.int32)
    fractions = tf.random.stateless_uniform([count, 1], start_seed)
    starts = tf.cast(fractions * tf.cast(IMAGE_SIZE_PX - lengths + 1, tf.float32), tf.int32)
    positions = tf.range(IMAGE_SIZE_PX)[tf.newaxis, :]
    return (positions >= starts) & (positions < starts + lengths)


def _draw(shape: list[tf.Tensor | int], seed: tf.Tensor, bound: float) -> tf.Tensor:
    """Uniform float32 in [-bound, bound)."""
    return tf.random.stateless_uniform(shape, seed, -1.0, 1.0) * bound
