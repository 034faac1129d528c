"""Random changes of training pictures, whole batches at once; the same seed always gives the same pictures.

Geometry is one warp, so a picture is interpolated once however many changes it gets.
"""

import math

import tensorflow as tf

from configs.spec import AugmentationConfig
from fer_tfx.contract import IMAGE_SIZE_PX

_CENTRE_PX = (IMAGE_SIZE_PX - 1) / 2
_MIN_ERASED_PX = 6  # a sixty-fourth of the picture, near the 2 % of Zhong et al. 2017, "Random Erasing"


def augment(
    images: tf.Tensor,
    is_flipped: tf.Tensor,
    seed: tf.Tensor,
    config: AugmentationConfig,
    size_px: int | tf.Tensor = IMAGE_SIZE_PX,
) -> tf.Tensor:
    """Change pictures at random and cut a square of side `size_px`, int32 (), out of each, at a random place.

    Args:
        images: float32 (batch, 48, 48, 1), z-scored, so that 0 is the mean grey with which gaps are filled.
        is_flipped: bool (batch,), which pictures are mirrored.
        seed: int (2,).

    Returns:
        float32 (batch, size_px, size_px, 1).
    """
    warp_seed, blur_seed, noise_seed, erase_seed = _split(seed, 4)
    images = _warp_randomly(images, is_flipped, warp_seed, config, tf.convert_to_tensor(size_px))
    if config.blur_fraction:
        images = _blur_randomly(images, blur_seed, config.blur_fraction)
    if config.noise_fraction:
        images = _add_noise_randomly(images, noise_seed, config.noise_fraction, config.max_noise)
    if config.erasing_fraction:
        images = _erase_randomly(images, erase_seed, config.erasing_fraction, config.max_erased_px)
    return images


def warp(
    images: tf.Tensor,
    is_flipped: tf.Tensor,
    rotation_rad: tf.Tensor,
    scale: tf.Tensor,
    shift_px: tf.Tensor,
    size_px: tf.Tensor,
) -> tf.Tensor:
    """Flip, rotate and enlarge each picture about its centre, shift it, and cut the middle out; bilinear.

    Args:
        images: float32 (batch, 48, 48, 1).
        is_flipped: bool (batch,).
        rotation_rad: float32 (batch,), counter-clockwise.
        scale: float32 (batch,), above 1 enlarges.
        shift_px: float32 (batch, 2), to the right and down.
        size_px: int32 (), side of the square that is kept; gaps are filled with 0.
    """
    # The op takes the inverse transform: rows (8,) that map a pixel of the new picture to its place in the old one.
    mirror = tf.where(is_flipped, -1.0, 1.0)
    cosine, sine = tf.cos(rotation_rad) / scale, tf.sin(rotation_rad) / scale
    x_from_x, x_from_y = mirror * cosine, -mirror * sine
    y_from_x, y_from_y = sine, cosine
    new_centre_px = (tf.cast(size_px, tf.float32) - 1.0) / 2.0
    moved_x, moved_y = new_centre_px + shift_px[:, 0], new_centre_px + shift_px[:, 1]
    x_offset = _CENTRE_PX - (x_from_x * moved_x + x_from_y * moved_y)
    y_offset = _CENTRE_PX - (y_from_x * moved_x + y_from_y * moved_y)
    zeros = tf.zeros_like(scale)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack([x_from_x, x_from_y, x_offset, y_from_x, y_from_y, y_offset, zeros, zeros], axis=1),
        output_shape=tf.stack([size_px, size_px]),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )


def _warp_randomly(
    images: tf.Tensor, is_flipped: tf.Tensor, seed: tf.Tensor, config: AugmentationConfig, size_px: tf.Tensor
) -> tf.Tensor:
    count = tf.shape(images)[0]
    rotation_seed, scale_seed, shift_seed = _split(seed, 3)
    cut_away_px = tf.cast(IMAGE_SIZE_PX - size_px, tf.float32)
    return warp(
        images,
        is_flipped=is_flipped,
        rotation_rad=_draw([count], rotation_seed, math.radians(config.rotation_deg)),
        scale=1.0 + _draw([count], scale_seed, config.scale_fraction),
        shift_px=_draw([count, 2], shift_seed, config.shift_fraction * IMAGE_SIZE_PX + cut_away_px / 2.0),
        size_px=size_px,
    )


def _blur_randomly(images: tf.Tensor, seed: tf.Tensor, blur_fraction: float) -> tf.Tensor:
    """Replace each pixel by the mean of 3x3 in a share of the pictures."""
    chosen = tf.where(tf.random.stateless_uniform([tf.shape(images)[0]], seed) < blur_fraction)
    return tf.tensor_scatter_nd_update(images, chosen, tf.nn.avg_pool2d(tf.gather_nd(images, chosen), 3, 1, "SAME"))


def _add_noise_randomly(images: tf.Tensor, seed: tf.Tensor, noise_fraction: float, max_noise: float) -> tf.Tensor:
    """Add independent Gaussian noise to a share of the pictures, of a random strength for each."""
    choice_seed, strength_seed, noise_seed = _split(seed, 3)
    chosen = tf.where(tf.random.stateless_uniform([tf.shape(images)[0]], choice_seed) < noise_fraction)
    clean = tf.gather_nd(images, chosen)
    strengths = tf.random.stateless_uniform([tf.shape(clean)[0], 1, 1, 1], strength_seed, 0.0, max_noise)
    noise = tf.random.stateless_normal(tf.shape(clean), noise_seed, alg="philox")
    return tf.tensor_scatter_nd_update(images, chosen, clean + strengths * noise)


def _erase_randomly(images: tf.Tensor, seed: tf.Tensor, erasing_fraction: float, max_px: int) -> tf.Tensor:
    """Set one rectangle to 0 in a share of the pictures (Zhong et al. 2017, "Random Erasing Data Augmentation")."""
    count, height, width = tf.unstack(tf.shape(images)[:3])
    choice_seed, row_seed, column_seed = _split(seed, 3)
    is_chosen = tf.random.stateless_uniform([count, 1, 1], choice_seed) < erasing_fraction
    rows, columns = _draw_span(count, height, row_seed, max_px), _draw_span(count, width, column_seed, max_px)
    is_erased = is_chosen & rows[:, :, tf.newaxis] & columns[:, tf.newaxis, :]
    return tf.where(is_erased[..., tf.newaxis], 0.0, images)


def _draw_span(count: tf.Tensor, size_px: tf.Tensor, seed: tf.Tensor, max_px: int) -> tf.Tensor:
    """One random stretch of pixels along one axis for each picture: bool (count, size_px)."""
    length_seed, start_seed = _split(seed, 2)
    longest = tf.minimum(max_px, size_px) + 1
    lengths = tf.random.stateless_uniform([count, 1], length_seed, _MIN_ERASED_PX, longest, tf.int32)
    fractions = tf.random.stateless_uniform([count, 1], start_seed)
    starts = tf.cast(fractions * tf.cast(size_px - lengths + 1, tf.float32), tf.int32)
    positions = tf.range(size_px)[tf.newaxis, :]
    return (positions >= starts) & (positions < starts + lengths)


def _draw(shape: list[tf.Tensor | int], seed: tf.Tensor, bound: float | tf.Tensor) -> tf.Tensor:
    """Uniform float32 in [-bound, bound)."""
    return tf.random.stateless_uniform(shape, seed, -1.0, 1.0) * bound


def _split(seed: tf.Tensor, count: int) -> list[tf.Tensor]:
    return list(tf.unstack(tf.random.experimental.stateless_split(seed, count)))
