"""Wilson's interval against published values and closed forms."""

import pytest

from reporting.intervals import Interval, wilson_interval

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
