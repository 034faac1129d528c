"""Each corruption against values worked out by hand."""

import numpy as np
import pytest

from reporting.corruptions import CORRUPTIONS, corrupt_by_content, corrupt_pixels


def make_plain(value: int, count: int = 1) -> np.ndarray:
    return np.full((count, 48, 48), value, np.uint8)


def draw_random(count: int = 3) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (count, 48, 48), np.uint8)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_corrupt_pixels_any_name_changes_a_copy_of_equal_shape(name):
    pixels = draw_random()
    before = pixels.copy()
    corrupted = corrupt_pixels(name, pixels)
    assert (corrupted.shape, corrupted.dtype) == ((3, 48, 48), np.uint8)
    assert (corrupted != pixels).mean() > 0.1
    assert (pixels == before).all()


@pytest.mark.parametrize("name", [name for name in CORRUPTIONS if name != "gaussian_noise_20"])
def test_corrupt_pixels_each_picture_depends_on_itself_alone(name):
    pixels = draw_random()
    assert (corrupt_pixels(name, pixels)[1:2] == corrupt_pixels(name, pixels[1:2])).all()


def test_corruptions_are_eight():
    assert len(CORRUPTIONS) == 8


def test_corrupt_pixels_noise_has_mean_0_and_sigma_20():
    noise = corrupt_pixels("gaussian_noise_20", make_plain(128, 40)).astype(float) - 128
    assert noise.mean() == pytest.approx(0.0, abs=0.3)
    assert noise.std() == pytest.approx(20.0, abs=0.3)


def test_corrupt_pixels_noise_at_black_is_cut_off_at_zero():
    noisy = corrupt_pixels("gaussian_noise_20", make_plain(0, 10))
    assert (noisy == 0).mean() == pytest.approx(0.51, abs=0.02)
    assert noisy.max() < 120


def test_corrupt_pixels_noise_follows_the_seed():
    pixels = make_plain(128, 2)
    first, again, other = (corrupt_pixels("gaussian_noise_20", pixels, seed) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).mean() > 0.9
    assert (first[0] != first[1]).mean() > 0.9


def test_corrupt_pixels_more_pictures_than_a_chunk_all_get_noise():
    noisy = corrupt_pixels("gaussian_noise_20", make_plain(128, 1500))
    assert noisy.shape == (1500, 48, 48)
    assert noisy[1499].std() == pytest.approx(20.0, abs=2.0)


def test_corrupt_pixels_blur_spreads_a_dot_over_5_by_5():
    pixels = make_plain(0)
    pixels[0, 10, 20] = 243
    # Twice the mean of 3 x 3 weighs (1 2 3 2 1)/9 along each axis; 243 / 81 = 3.
    weights = np.array([1, 2, 3, 2, 1])
    blurred = corrupt_pixels("box_blur_twice", pixels)[0]
    assert (blurred[8:13, 18:23] == 3 * np.outer(weights, weights)).all()
    assert blurred.sum() == 243


def test_corrupt_pixels_blur_repeats_the_border():
    assert (corrupt_pixels("box_blur_twice", make_plain(77)) == 77).all()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("darker_x0.4", 200, 80),
        ("darker_x0.4", 4, 2),
        ("brighter_60", 100, 160),
        ("brighter_60", 250, 255),
        ("contrast_x0.4", 0, 77),  # 128 - 51.2
        ("contrast_x0.4", 255, 179),  # 128 + 50.8
    ],
)
def test_corrupt_pixels_plain_picture_gets_the_expected_value(name, value, expected):
    assert (corrupt_pixels(name, make_plain(value)) == expected).all()


def test_corrupt_pixels_low_resolution_averages_and_interpolates():
    pixels = make_plain(0)
    pixels[0, :, 4:6] = 100  # one column of the small picture
    pixels[0, :, 6:8] = [40, 80]  # averaged to 60
    row = corrupt_pixels("down_up_24px", pixels)[0, 30]
    assert row[2:10].tolist() == [0, 25, 75, 90, 70, 45, 15, 0]
    assert (corrupt_pixels("down_up_24px", pixels.transpose(0, 2, 1))[0, :, 30] == row).all()


def test_corrupt_pixels_low_resolution_keeps_the_border():
    assert (corrupt_pixels("down_up_24px", make_plain(77)) == 77).all()


@pytest.mark.parametrize(("name", "first", "last"), [("eyes_masked", 12, 21), ("lower_half_masked", 24, 47)])
def test_corrupt_pixels_mask_blackens_its_rows_alone(name, first, last):
    masked = corrupt_pixels(name, make_plain(200))[0]
    assert (masked[first : last + 1] == 0).all()
    assert (np.delete(masked, np.s_[first : last + 1], axis=0) == 200).all()


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_corrupt_by_content_any_batch_gives_a_picture_the_same_form(name):
    pixels = draw_random(5)
    together = corrupt_by_content(name, pixels)
    apart = np.concatenate([corrupt_by_content(name, pixels[3:]), corrupt_by_content(name, pixels[:3])])
    assert (together == np.roll(apart, 3, axis=0)).all()


def test_corrupt_by_content_different_pictures_get_different_noise():
    pixels = np.concatenate([make_plain(128), make_plain(129)])
    noise = corrupt_by_content("gaussian_noise_20", pixels).astype(int) - pixels
    assert (noise[0] != noise[1]).mean() > 0.9
    assert noise.std() == pytest.approx(20.0, abs=1.0)
