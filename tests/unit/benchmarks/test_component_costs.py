"""The tables of what each component costs, worked out by hand."""

import pytest

from benchmarks.component_costs import Line, fit_bytes, fit_cpu, write_report
from benchmarks.measure import Cost


def cost(cpu_s: dict[str, float], part_bytes: dict[str, int] | None = None, peak_mb: float = 1000.0) -> Cost:
    return Cost(cpu_s, 7.0, 99.0, wall_s=50.0, peak_rss_mb=peak_mb, part_peaks_mb={}, part_bytes=part_bytes or {})


COSTS = {
    1_000: cost(
        {"FerExampleGen": 3.0, "Transform": 5.0, "Trainer": 10.0, "Evaluator": 4.0}, {"FerExampleGen": 2_000_000}
    ),
    11_000: cost(
        {"FerExampleGen": 4.0, "Transform": 4.5, "Trainer": 110.0, "Evaluator": 6.0}, {"FerExampleGen": 22_000_000}
    ),
}


def test_line_through_two_points_goes_on_beyond_them() -> None:
    line = Line.through((10, 5.0), (30, 9.0))
    assert line == (3.0, 0.2)
    assert line.at(100) == 23.0


def test_line_of_a_cost_that_falls_does_not_grow() -> None:
    assert Line.through((10, 5.0), (30, 4.0)) == (5.0, 0.0)


def test_fit_takes_the_fewest_and_the_most_rows() -> None:
    assert fit_cpu(COSTS, "FerExampleGen") == pytest.approx((2.9, 0.0001))
    assert fit_bytes(COSTS, "FerExampleGen") == pytest.approx((0, 2000))


def test_write_report_shows_costs_and_their_extrapolation() -> None:
    report = write_report(COSTS)
    assert "| Evaluator | 4.0 | 6.0 | 3.8 | 200 |" in report
    assert "| FerExampleGen | 2.0 | 22.0 | 2,000 |" in report
    # A million rows: 102.9 s of ingestion and 5 of Transform, 10,000 s of Trainer, 203.8 of Evaluator.
    assert "| ingestion to Transform, CPU h | 0.03 | " in report
    assert "| Trainer, CPU h for one epoch of a network of 12 filters | 2.8 | 278 | 2,778 |" in report
    assert "| all others, CPU h | 0.057 | " in report
    assert "| on disk, GB | 2.0 | 200 | 2,000 |" in report
