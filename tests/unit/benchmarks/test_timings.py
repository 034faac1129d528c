"""Summaries of timed calls, worked out by hand."""

import pytest

from benchmarks.timings import Timings, summarise_timings


def test_summarise_timings_rounds_are_pooled_and_scaled():
    timings = Timings()
    for seconds in ([0.001, 0.003], [0.002]):
        timings.add_single({"seconds": seconds})
        timings.add_batches({"list": {"seconds": seconds}, "boxes": {"seconds": [0.5]}})
    summary = summarise_timings(timings, batch_size=6)
    assert summary["single_ms"] == pytest.approx({"median": 2.0, "p10": 1.2, "p90": 2.8, "n": 3})
    # Rates 6000, 2000, 3000.
    assert summary["batch_images_per_s"]["list"] == pytest.approx({"median": 3000, "p10": 2200, "p90": 5400, "n": 3})
    assert summary["batch_images_per_s"]["boxes"]["n"] == 2
