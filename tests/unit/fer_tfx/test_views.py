"""Views are made of bytes, so that whoever averages them averages the same ones."""

import numpy as np
import pytest

from fer_tfx.views import VIEW_COUNTS, average_views, make_views


def draw_pixels(count: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (count, 48, 48, 1), dtype=np.uint8)


def test_make_views_as_it_is_mirrored_enlarged_and_both():
    rows, columns = np.mgrid[:48, :48]
    ramps = np.stack([2 * rows + columns, 3 * columns])[..., np.newaxis].astype(np.uint8)
    plain, mirrored, enlarged, both = np.split(make_views(ramps, 4), 4)
    assert (plain == ramps).all()
    assert (mirrored == ramps[:, :, ::-1]).all()
    centres = np.array([3, 3]).reshape(2, 1, 1, 1) * 23.5
    # A ramp about the centre that is enlarged by 1.1 rises 1.1 times less.
    np.testing.assert_allclose(enlarged, (ramps - centres) / 1.1 + centres, atol=0.52)
    np.testing.assert_allclose(both, (ramps[:, :, ::-1] - centres) / 1.1 + centres, atol=0.52)


def test_make_views_fewer_are_the_first_of_more():
    pixels = draw_pixels(3)
    views = make_views(pixels, 4)
    for count in VIEW_COUNTS:
        np.testing.assert_array_equal(make_views(pixels, count), views[: 3 * count])
    assert make_views(pixels[:0], 4).shape == (0, 48, 48, 1)


def test_make_views_even_pictures_stay_as_they_are():
    pixels = np.arange(256, dtype=np.uint8)[:, None, None, None] * np.ones((1, 48, 48, 1), np.uint8)
    np.testing.assert_array_equal(make_views(pixels, 4), np.tile(pixels, (4, 1, 1, 1)))


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits)
    return powers / powers.sum(axis=-1, keepdims=True)


def test_average_views_is_the_softmax_of_the_mean_logits():
    logits = np.random.default_rng(5).normal(0, 3, (4, 20, 7))
    found = average_views(softmax(logits / 1.3).astype(np.float32), own_temperature=1.3, temperature=0.8)
    np.testing.assert_allclose(found, softmax(logits.mean(axis=0) / 0.8), atol=1e-6)
    assert found.dtype == np.float32


def test_average_views_probability_of_0_is_taken_for_the_least_positive_one():
    sure = np.eye(7, dtype=np.float32)[[[0], [1]]]  # two views of one picture, each sure of another class
    found = average_views(sure, 1.0, 1.0)
    assert found[0] == pytest.approx([0.5, 0.5, 0, 0, 0, 0, 0])
