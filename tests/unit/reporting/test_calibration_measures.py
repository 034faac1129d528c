"""Calibration measures against values worked out by hand."""

import math

import numpy as np
import pytest

from reporting.calibration import (
    CoveragePoint,
    ReliabilityBin,
    apply_abstain_threshold,
    compute_bin_sums,
    compute_brier_score,
    compute_calibration_error,
    compute_nll,
    compute_reliability,
    scale_probabilities,
)


def of_confidences(*confidences: float) -> np.ndarray:
    """Rows of two classes, the first the more probable."""
    return np.array([[confidence, 1 - confidence] for confidence in confidences])


def test_compute_calibration_error_two_bins_weighs_each_gap_by_its_rows():
    # Bin (0.8, 0.867]: confidences 0.82, 0.86, half right: |0.5 - 0.84| = 0.34, two rows.
    # Bin (0.867, 0.933]: confidence 0.88, right: 0.12, one row. (2 * 0.34 + 0.12) / 3.
    error = compute_calibration_error(of_confidences(0.82, 0.86, 0.88), np.array([0, 1, 0]))
    assert error == pytest.approx(0.8 / 3)


def test_compute_calibration_error_gaps_of_opposite_sign_do_not_cancel_across_bins():
    # 0.6 and right: 0.4 too shy; 0.9 and wrong: 0.9 too sure.
    assert compute_calibration_error(of_confidences(0.6, 0.9), np.array([0, 1])) == pytest.approx(0.65)


def test_compute_calibration_error_confidence_on_an_edge_lies_in_the_lower_bin():
    # 0.6 is the upper edge of bin 9, by itself: |1 - 0.6|; 0.61 wrong in bin 10: 0.61. In one bin: |0.5 - 0.605|.
    assert compute_calibration_error(of_confidences(0.6, 0.61), np.array([0, 1])) == pytest.approx(1.01 / 2)


def test_compute_calibration_error_certain_and_right_is_zero():
    assert compute_calibration_error(of_confidences(1.0, 1.0), np.array([0, 0])) == 0.0


def test_compute_bin_sums_two_sets_of_rows_add_up_to_those_of_both():
    probabilities, true = of_confidences(0.55, 0.96, 0.58, 0.95), np.array([0, 1, 0, 0])
    parts = compute_bin_sums(probabilities[:1], true[:1]) + compute_bin_sums(probabilities[1:], true[1:])
    # 0.55 and 0.58 in bin 9, up to 0.6, both right; 0.96 wrong and 0.95 right in the last one.
    expected = np.zeros((2, 15))
    expected[:, 8] = 0.45 + 0.42, 0.45**2 + 0.42**2
    expected[:, 14] = -0.96 + 0.05, 0.96**2 + 0.05**2
    assert parts[:2] == pytest.approx(expected)
    assert compute_bin_sums(probabilities, true) == pytest.approx(parts)


def test_compute_bin_sums_slopes_and_information_are_derivatives_by_the_logarithm_of_the_temperature():
    probabilities = np.random.default_rng(3).dirichlet(np.ones(7), 6)
    _, _, slopes, information = compute_bin_sums(probabilities, np.zeros(6, int)).sum(axis=1)
    step = 1e-4

    def compute_loss(log_temperature: float) -> float:
        """Expected over the classes, each as probable as said."""
        return float(-(probabilities * np.log(scale_probabilities(probabilities, math.exp(log_temperature)))).sum())

    colder, warmer = (scale_probabilities(probabilities, math.exp(by)).max(axis=1).sum() for by in (-step, step))
    assert slopes == pytest.approx((warmer - colder) / (2 * step), rel=1e-6)
    curvature = (compute_loss(step) - 2 * compute_loss(0) + compute_loss(-step)) / step**2
    assert information == pytest.approx(curvature, rel=1e-5)


def test_compute_bin_sums_probability_of_zero_stays_finite():
    assert np.isfinite(compute_bin_sums(np.eye(7), np.arange(7))).all()


def test_compute_nll_known_probabilities_give_mean_logarithm():
    probabilities = np.array([[0.5, 0.25, 0.25], [0.125, 0.75, 0.125]])
    assert compute_nll(probabilities, np.array([1, 2])) == pytest.approx((math.log(4) + math.log(8)) / 2)


def test_compute_nll_zero_probability_stays_finite():
    assert compute_nll(np.array([[1.0, 0.0]], np.float32), np.array([1])) == pytest.approx(126 * math.log(2), rel=1e-6)


def test_compute_brier_score_known_probabilities_give_sum_over_classes():
    # 0.5^2 + 0.3^2 + 0.2^2 = 0.38 and 0.2^2 + 0.9^2 + 0.7^2 = 1.34.
    probabilities = np.array([[0.5, 0.3, 0.2], [0.2, 0.1, 0.7]])
    assert compute_brier_score(probabilities, np.array([0, 1])) == pytest.approx((0.38 + 1.34) / 2)
    assert probabilities[0, 0] == 0.5


def test_scale_probabilities_temperature_half_squares_and_normalises():
    scaled = scale_probabilities(np.array([[0.6, 0.3, 0.1]]), 0.5)
    assert scaled == pytest.approx(np.array([[0.36, 0.09, 0.01]]) / 0.46)


def test_scale_probabilities_of_softmax_equals_softmax_of_scaled_logits():
    logits = np.array([[2.0, -1.0, 0.5]])
    softmax = np.exp(logits) / np.exp(logits).sum()
    expected = np.exp(logits / 1.7) / np.exp(logits / 1.7).sum()
    assert scale_probabilities(softmax, 1.7) == pytest.approx(expected)
    assert scale_probabilities(expected, 1 / 1.7) == pytest.approx(softmax)


def test_scale_probabilities_zero_stays_zero():
    scaled = scale_probabilities(np.array([[1.0, 0.0]]), 3.0)
    assert scaled.tolist() == [[1.0, 0.0]]


def test_apply_abstain_threshold_keeps_confidences_from_the_threshold_on():
    probabilities, truth = of_confidences(0.9, 0.75, 0.6, 0.55), np.array([0, 1, 0, 0])
    assert apply_abstain_threshold(probabilities, truth, 0.75) == CoveragePoint(0.75, 0.5, 0.5)


def test_apply_abstain_threshold_no_row_kept_gives_zero():
    assert apply_abstain_threshold(of_confidences(0.9), np.array([0]), 0.95) == CoveragePoint(0.95, 0.0, 0.0)


def test_compute_reliability_bins_hold_their_upper_bound_and_mean_figures():
    bins = compute_reliability(of_confidences(0.6, 0.64, 0.66), np.array([0, 1, 0]))
    assert bins[8] == ReliabilityBin(pytest.approx(8 / 15), pytest.approx(0.6), 1, 0.6, 1.0)
    assert bins[9] == ReliabilityBin(pytest.approx(0.6), pytest.approx(10 / 15), 2, pytest.approx(0.65), 0.5)
    assert bins[0] == ReliabilityBin(0.0, pytest.approx(1 / 15), 0, 0.0, 0.0)
