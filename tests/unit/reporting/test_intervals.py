"""Intervals of shares and their differences against published values and closed forms."""

import pytest

from reporting.intervals import Interval, paired_difference_interval, wilson_interval

Z2 = 3.841458820694124  # 0.95 quantile of chi-square with one degree of freedom


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [
        # Newcombe 1998, Statistics in Medicine 17, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        # By hand: 0.5 -/+ 1.959964 * sqrt(0.025 + 3.841459 / 400) / 1.3841459.
        (5, 10, 0.2366, 0.7634),
    ],
)
def test_wilson_interval_known_shares_match_published_bounds(hits, count, low, high):
    assert wilson_interval(hits / count, count) == pytest.approx((low, high), abs=5e-5)


def test_wilson_interval_no_hit_reaches_up_to_the_closed_form():
    assert wilson_interval(0.0, 10) == pytest.approx((0.0, Z2 / (10 + Z2)), abs=1e-12)


def test_wilson_interval_all_hits_reach_down_to_the_closed_form():
    assert wilson_interval(1.0, 10) == pytest.approx((10 / (10 + Z2), 1.0), abs=1e-12)


@pytest.mark.parametrize("fraction", [0.0, 1.0, 1e-9, 1 - 1e-9])
@pytest.mark.parametrize("count", [1, 3, 7, 3589, 10**9])
def test_wilson_interval_share_at_the_edge_keeps_bounds_within_0_and_1(fraction, count):
    interval = wilson_interval(fraction, count)
    assert 0.0 <= interval.low <= interval.high <= 1.0


def test_wilson_interval_no_observation_gives_the_whole_range():
    assert wilson_interval(0.0, 0) == Interval(0.0, 1.0)


def test_wilson_interval_mirrored_share_gives_mirrored_bounds():
    interval, mirrored = wilson_interval(0.3, 40), wilson_interval(0.7, 40)
    assert interval == pytest.approx((1 - mirrored.high, 1 - mirrored.low), abs=1e-12)


@pytest.mark.parametrize(
    ("gained", "lost", "count", "low", "high"),
    [
        # The example of ci.prop.ps in the R package statpsych, by the method's author.
        (26, 4, 48, 0.2548067, 0.6251933),
        # By hand: (2 - 8) / 23 -/+ 1.959964 * sqrt((10 / 23 - (6 / 23) ** 2) / 23).
        (1, 7, 21, -0.5083593, -0.0133798),
        # No row differs: -/+ 1.959964 * sqrt(2 / 100 / 100).
        (0, 0, 98, -0.0277180, 0.0277180),
    ],
)
def test_paired_difference_interval_known_counts_match_published_bounds(gained, lost, count, low, high):
    assert paired_difference_interval(gained, lost, count) == pytest.approx((low, high), abs=5e-7)


def test_paired_difference_interval_swapped_models_mirror_the_bounds():
    interval, swapped = paired_difference_interval(12, 40, 500), paired_difference_interval(40, 12, 500)
    assert interval == pytest.approx((-swapped.high, -swapped.low), abs=1e-12)


def test_paired_difference_interval_more_equal_rows_narrow_it():
    few, many = paired_difference_interval(10, 30, 400), paired_difference_interval(10, 30, 4000)
    assert many.high - many.low < (few.high - few.low) / 9


def test_paired_difference_interval_few_rows_keep_bounds_within_1():
    assert paired_difference_interval(0, 3, 3).low == -1.0
    assert paired_difference_interval(3, 0, 3).high == 1.0


def test_paired_difference_interval_no_row_gives_the_whole_range():
    assert paired_difference_interval(0, 0, 0) == Interval(-1.0, 1.0)
