"""Qualities of pictures and accuracy by their thirds, worked out by hand."""

import numpy as np
import pytest

from reporting.answered import choose_rows
from reporting.evaluation import QUALITIES, compute_slices


def flat(*values: int) -> np.ndarray:
    return np.repeat(np.array(values, np.uint8), 48 * 48).reshape(-1, 48, 48)


def test_qualities_of_a_half_black_half_white_picture_are_those_worked_out_by_hand():
    pixels = flat(0)
    pixels[:, :, 24:] = 255
    assert QUALITIES["brightness"](pixels) == pytest.approx([127.5])
    assert QUALITIES["contrast"](pixels) == pytest.approx([127.5])
    # In each of 46 inner rows the Laplacian is 255, then -255, at the edge, and 0 in the other 44 columns.
    assert QUALITIES["sharpness"](pixels) == pytest.approx([2 * 255**2 / 46])


def test_sharpness_even_slope_gives_zero():
    assert QUALITIES["sharpness"](np.tile(np.arange(48, dtype=np.uint8), (1, 48, 1))) == pytest.approx([0])


def test_compute_slices_thirds_are_cut_by_value_and_not_by_place():
    brightness = compute_slices(flat(60, 10, 50, 20, 40, 30), np.array([1, 1, 1, 0, 0, 0], bool))[:3]
    assert [(each.level, each.low, each.high) for each in brightness] == [
        ("lowest third", 10, 20), ("middle third", 30, 40), ("highest third", 50, 60),
    ]  # fmt: skip
    assert [(each.accuracy.fraction, each.accuracy.count) for each in brightness] == [(0.5, 2), (0, 2), (1, 2)]


def test_choose_rows_are_spread_evenly_where_there_are_more():
    assert choose_rows(100, most=10).tolist() == [0, 11, 22, 33, 44, 55, 66, 77, 88, 99]
    assert choose_rows(3, most=10).tolist() == [0, 1, 2]
