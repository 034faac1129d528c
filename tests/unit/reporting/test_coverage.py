"""Coverage against accuracy, worked out by hand."""

import numpy as np
import pytest

from reporting.calibration import CoveragePoint, compute_coverage


def of_confidences(*confidences: float) -> np.ndarray:
    return np.array([[confidence, 1 - confidence] for confidence in confidences])


def test_compute_coverage_rows_of_equal_confidence_are_kept_together():
    # By confidence: 0.9 right; 0.8 wrong and 0.8 right; 0.6 wrong.
    points = compute_coverage(of_confidences(0.8, 0.9, 0.6, 0.8), np.array([1, 0, 1, 0]))
    assert points == (
        CoveragePoint(0.9, 0.25, 1.0),
        CoveragePoint(0.8, 0.75, pytest.approx(2 / 3)),
        CoveragePoint(0.6, 1.0, 0.5),
    )


def test_compute_coverage_many_rows_keeps_both_ends_within_the_number_of_points():
    points = compute_coverage(of_confidences(*np.linspace(0.5, 1, 200)), np.zeros(200, int), most=10)
    assert len(points) == 10
    assert (points[0].threshold, points[0].coverage_fraction) == (1.0, 1 / 200)
    assert (points[-1].threshold, points[-1].coverage_fraction) == (0.5, 1.0)
