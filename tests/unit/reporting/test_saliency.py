"""What an answer rests on, by a model that looks at one place."""

import numpy as np
import pytest

from reporting.saliency import compute_occlusion


def see_corner(pixels: np.ndarray) -> np.ndarray:
    """Sure of class 1 as far as the four pixels at (24, 24) are white."""
    seen = pixels[:, 24:26, 24:26].mean(axis=(1, 2)) / 255
    return np.stack([1 - seen, seen], axis=1)


def test_compute_occlusion_loses_most_where_the_model_looks():
    pixels = np.zeros((48, 48), np.uint8)
    pixels[24:26, 24:26] = 255
    lost = compute_occlusion(pixels, 1, see_corner)
    assert lost.shape == (9, 9)
    (rows, columns) = np.nonzero(lost)
    # Centres 24 and 30 cover it with 6 pixels to each side; 18 ends before it.
    assert set(zip(rows.tolist(), columns.tolist(), strict=True)) == {(4, 4), (4, 5), (5, 4), (5, 5)}
    assert lost.max() == pytest.approx(1)


def test_compute_occlusion_that_raises_the_probability_is_no_loss():
    assert not compute_occlusion(np.zeros((48, 48), np.uint8), 0, see_corner).any()
