"""Bounds on size and latency, in the sentences of a refusal."""

import pytest

from reporting.serving_figures import ServingFigures


def test_find_excess_within_both_bounds_says_nothing():
    assert ServingFigures(10_000_000, 2.0, 1.0).find_excess(10.0, 2.0) == []


def test_find_excess_too_large_and_too_slow_says_both_with_their_figures():
    assert ServingFigures(12_100_000, 3.1, 1.29).find_excess(10.0, 2.0) == [
        "the export has 12.1 MB, at most 10 MB",
        "one picture takes 2.403 times as long as the latency reference's (3.10 ms against 1.29 ms), at most 2 times",
    ]


def test_find_excess_without_a_baseline_no_latency_is_too_long():
    figures = ServingFigures(1, 9_999.0, None)
    assert (figures.latency_ratio, figures.find_excess(10.0, 2.0)) == (None, [])


@pytest.mark.parametrize("baseline_ms", [1.25, None])
def test_from_json_gives_what_was_written(baseline_ms):
    figures = ServingFigures(2_340_000, 2.5, baseline_ms)
    assert ServingFigures.from_json(figures.to_json()) == figures
