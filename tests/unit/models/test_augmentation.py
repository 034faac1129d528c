from dataclasses import replace

import numpy as np
import tensorflow as tf
from model_doubles import NO_AUGMENTATION

from configs.spec import AugmentationConfig
from models.recipe import augment, warp

SEED = tf.constant([3, 7], tf.int64)


def augment_upright(images: np.ndarray, config: AugmentationConfig, seed: tf.Tensor = SEED, size_px: int = 48):
    """None of the pictures is mirrored."""
    return augment(images, tf.zeros([len(images)], tf.bool), seed, config, size_px)


def draw_images(count: int = 4) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(count, 48, 48, 1)).astype(np.float32)


def warp_all(
    images: np.ndarray,
    *,
    flip: bool = False,
    rotation_deg: float = 0.0,
    scale: float = 1.0,
    shift_px=(0.0, 0.0),
    size_px: int = 48,
    shear: float = 0.0,
    aspect: float = 1.0,
) -> np.ndarray:
    count = len(images)
    return warp(
        images,
        is_flipped=tf.fill([count], flip),
        rotation_rad=tf.fill([count], np.float32(np.deg2rad(rotation_deg))),
        scale=tf.fill([count], np.float32(scale)),
        shift_px=tf.tile(tf.constant([shift_px], tf.float32), [count, 1]),
        size_px=tf.constant(size_px),
        shear=tf.fill([count], np.float32(shear)),
        aspect=tf.fill([count], np.float32(aspect)),
    ).numpy()


def test_augment_all_settings_zero_returns_pictures_unchanged():
    np.testing.assert_array_equal(augment_upright(draw_images(), NO_AUGMENTATION), draw_images())


def test_augment_same_seed_gives_same_pictures_and_other_seed_others():
    config = AugmentationConfig(erasing_fraction=0.5)
    first, again = augment_upright(draw_images(), config), augment_upright(draw_images(), config)
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, augment_upright(draw_images(), config, SEED + 1))


def test_augment_chosen_pictures_are_mirrored_and_no_others():
    is_flipped = tf.constant([True, False, False, True])
    augmented = augment(draw_images(), is_flipped, SEED, NO_AUGMENTATION).numpy()
    for new, old, flipped in zip(augmented, draw_images(), is_flipped.numpy(), strict=True):
        np.testing.assert_array_equal(new, old[:, ::-1] if flipped else old)


def test_augment_smaller_size_cuts_a_square_out_at_random_places_within_the_picture():
    rows, columns = np.mgrid[:48, :48].astype(np.float32)
    for positions, axis in ((rows, 1), (columns, 2)):
        images = np.broadcast_to(positions[None, :, :, None], (64, 48, 48, 1))
        augmented = augment_upright(images, NO_AUGMENTATION, size_px=40).numpy()
        assert augmented.shape == (64, 40, 40, 1)
        inside = np.take(augmented, range(1, 39), axis=axis)  # a border may lie half outside
        np.testing.assert_allclose(np.diff(inside, axis=axis), 1.0, atol=1e-3)
        firsts = inside[:, 0, 0, 0] - 1.0
        assert -0.01 <= firsts.min() < 1
        assert 7 < firsts.max() <= 8.01


def test_augment_geometry_within_bounds_keeps_shape_and_dtype():
    augmented = augment_upright(draw_images(), AugmentationConfig())
    assert augmented.shape == (4, 48, 48, 1)
    assert augmented.dtype == tf.float32


def test_augment_blur_alone_averages_3x3_in_its_share_of_pictures():
    images = draw_images(200)
    augmented = augment_upright(images, replace(NO_AUGMENTATION, blur_fraction=0.25)).numpy()
    windows = np.lib.stride_tricks.sliding_window_view(images[..., 0], (3, 3), axis=(1, 2)).mean(axis=(3, 4))
    is_blurred = [
        np.allclose(new, mean, atol=1e-5) for new, mean in zip(augmented[:, 1:-1, 1:-1, 0], windows, strict=True)
    ]
    is_same = [np.array_equal(new, old) for new, old in zip(augmented, images, strict=True)]
    assert all(blurred != same for blurred, same in zip(is_blurred, is_same, strict=True))
    assert 30 <= sum(is_blurred) <= 70


def test_augment_noise_alone_adds_normal_noise_of_bounded_strength_to_its_share_of_pictures():
    config = replace(NO_AUGMENTATION, noise_fraction=0.25, max_noise=0.5)
    changes = augment_upright(draw_images(200), config).numpy() - draw_images(200)
    strengths = changes.std(axis=(1, 2, 3))
    is_changed = strengths > 0
    assert 30 <= is_changed.sum() <= 70
    assert 0.4 < strengths.max() < 0.52
    assert strengths[is_changed].min() < 0.1
    strongest = changes[strengths.argmax()]
    assert abs(strongest.mean()) < 0.05
    assert abs(np.corrcoef(strongest[:, 1:].ravel(), strongest[:, :-1].ravel())[0, 1]) < 0.1


def test_augment_erasing_blanks_one_rectangle_in_its_share_of_pictures():
    images = np.ones((400, 48, 48, 1), np.float32)
    config = replace(NO_AUGMENTATION, erasing_fraction=0.25, max_erased_px=20)
    erased = augment_upright(images, config).numpy()[..., 0] == 0
    is_changed = erased.any(axis=(1, 2))
    assert 70 <= is_changed.sum() <= 130
    heights, widths = erased.any(axis=2).sum(axis=1), erased.any(axis=1).sum(axis=1)
    np.testing.assert_array_equal(erased.sum(axis=(1, 2)), heights * widths)
    assert heights[is_changed].min() >= 6
    assert 18 <= heights[is_changed].max() <= 20
    assert widths[is_changed].min() >= 6
    assert 18 <= widths[is_changed].max() <= 20


def test_warp_flip_equals_numpy_mirror():
    np.testing.assert_array_equal(warp_all(draw_images(), flip=True), draw_images()[:, :, ::-1])


def test_warp_shift_moves_right_and_down_and_fills_with_zero():
    shifted = warp_all(draw_images(), shift_px=(3.0, 2.0))
    np.testing.assert_allclose(shifted[:, 2:, 3:], draw_images()[:, :-2, :-3], atol=1e-6)
    assert not shifted[:, :2].any()
    assert not shifted[:, :, :3].any()


def test_warp_shift_after_flip_still_moves_to_the_right():
    shifted = warp_all(draw_images(), flip=True, shift_px=(3.0, 0.0))
    np.testing.assert_allclose(shifted[:, :, 3:], draw_images()[:, :, ::-1][:, :, :-3], atol=1e-6)


def test_warp_quarter_turn_equals_numpy_counter_clockwise_turn():
    turned = warp_all(draw_images(), rotation_deg=90)
    expected = np.rot90(draw_images(), axes=(1, 2))
    np.testing.assert_allclose(turned[:, 1:-1, 1:-1], expected[:, 1:-1, 1:-1], atol=1e-4)


def test_warp_scale_two_halves_the_slope_about_the_centre():
    columns = np.broadcast_to(np.arange(48, dtype=np.float32)[None, None, :, None], (1, 48, 48, 1))
    expected = 23.5 + (columns - 23.5) / 2
    np.testing.assert_allclose(warp_all(columns, scale=2.0), expected, atol=1e-4)


def test_warp_smaller_size_keeps_the_middle():
    np.testing.assert_array_equal(warp_all(draw_images(), size_px=40), draw_images()[:, 4:44, 4:44])


def draw_positions() -> np.ndarray:
    """Pixels that tell their distance from the centre, downwards and to the right: float32 (2, 48, 48, 1)."""
    return np.stack(np.mgrid[:48, :48]).astype(np.float32)[..., None] - 23.5


def read_origins(**settings) -> tuple[np.ndarray, np.ndarray]:
    """How far below and to the right of the centre the old place of each pixel near it was."""
    rows, columns = warp_all(draw_positions(), **settings)[:, 14:34, 14:34, 0]
    return rows, columns


def test_warp_shear_moves_pixels_to_the_right_in_proportion_to_their_depth():
    (rows, columns), (old_rows, old_columns) = draw_positions()[:, 14:34, 14:34, 0], read_origins(shear=0.25)
    np.testing.assert_allclose(old_rows, rows, atol=1e-4)
    np.testing.assert_allclose(old_columns, columns - 0.25 * rows, atol=1e-4)


def test_warp_aspect_stretches_the_width_and_keeps_the_area():
    (rows, columns), (old_rows, old_columns) = draw_positions()[:, 14:34, 14:34, 0], read_origins(aspect=1.44)
    np.testing.assert_allclose(old_rows, rows * 1.2, atol=1e-4)
    np.testing.assert_allclose(old_columns, columns / 1.2, atol=1e-4)


def test_warp_all_at_once_stretches_then_shears_then_turns_then_shifts():
    old_rows, old_columns = read_origins(
        rotation_deg=20.0, scale=1.1, shear=0.2, aspect=1.2, shift_px=(1.5, -2.0), flip=True
    )
    width, height = 1.1 * np.sqrt(1.2), 1.1 / np.sqrt(1.2)
    x, y = -width * old_columns, height * old_rows
    x += 0.2 * y
    cosine, sine = np.cos(np.deg2rad(20.0)), np.sin(np.deg2rad(20.0))
    new_columns, new_rows = cosine * x + sine * y + 1.5, cosine * y - sine * x - 2.0
    rows, columns = draw_positions()[:, 14:34, 14:34, 0]
    np.testing.assert_allclose(new_columns, columns, atol=1e-3)
    np.testing.assert_allclose(new_rows, rows, atol=1e-3)


def test_augment_shear_and_aspect_stay_within_their_bounds():
    config = replace(NO_AUGMENTATION, shear_deg=8.0, aspect_fraction=0.2)
    rows, columns = (augment_upright(np.repeat(each[None], 100, axis=0), config).numpy() for each in draw_positions())
    shears = -(columns[:, 24, 24] - columns[:, 23, 24])[:, 0] / (columns[:, 24, 24] - columns[:, 24, 23])[:, 0]
    stretches = (rows[:, 24, 24] - rows[:, 23, 24])[:, 0] / (columns[:, 24, 24] - columns[:, 24, 23])[:, 0]
    assert 0.12 < np.abs(shears).max() <= np.tan(np.deg2rad(8.0)) + 1e-3
    assert 0.8 - 1e-3 <= stretches.min() < 0.83
    assert 1.17 < stretches.max() <= 1.2 + 1e-3
