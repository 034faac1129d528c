"""The calibration error's estimate on simulated models whose true error is known."""

import math

import numpy as np
import pytest
from scipy.special import softmax

from models.calibration import fit_temperature
from reporting.calibration import (
    CalibrationEstimate,
    compute_bin_sums,
    compute_calibration_error,
    estimate_calibration_error,
)

LOG_SHARES = np.log([0.139, 0.015, 0.143, 0.251, 0.168, 0.111, 0.173])  # of FER2013's classes
TEMPERATURE = 1.6


def draw_rows(
    rng: np.random.Generator, count: int, distortion: float, spread: float = 1.2
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits (n, 7) of an overconfident network, true classes (n,), and the true probabilities (n, 7).

    The accuracy is 0.6, and 0.99 with a spread of 60. Without distortion a temperature mends all; with it, the larger
    confidences stay too large.
    """
    exact = rng.normal(0, spread, (count, 7)) + LOG_SHARES
    classes = (exact + rng.gumbel(size=exact.shape)).argmax(axis=1)
    stretch = 1 + distortion * np.tanh(exact.max(axis=1, keepdims=True) - 2)
    return exact * stretch * TEMPERATURE, classes, softmax(exact, axis=1)


def measure(logits: np.ndarray, classes: np.ndarray, temperature: float) -> float:
    return compute_calibration_error(softmax(logits / temperature, axis=1), classes)


def estimate(logits: np.ndarray, classes: np.ndarray, temperature: float) -> CalibrationEstimate:
    sums = compute_bin_sums(softmax(logits / temperature, axis=1), classes)
    return estimate_calibration_error(sums, len(classes), is_fitted=True)


def compute_true_error(logits: np.ndarray, probabilities: np.ndarray, temperature: float) -> float:
    """Of rows so many that their labels' noise, which is left out, is all that would matter."""
    said = softmax(logits / temperature, axis=1)
    answers = said.argmax(axis=1)
    confidences, accuracies = said.max(axis=1), probabilities[np.arange(len(said)), answers]
    bins = np.digitize(confidences, np.arange(1, 15) / 15, right=True)
    return float(np.abs(np.bincount(bins, accuracies - confidences, 15)).sum() / len(said))


def test_estimate_calibration_error_one_bin_matches_the_values_worked_out_by_hand():
    # 100 rows of confidence 0.8, 70 of them right: S = -10, Q = 70 * 0.04 + 30 * 0.64 = 22, with two rows more 24.
    sums = np.array([[-10.0], [22.0], [0.0], [0.0]])
    value, (low, high) = estimate_calibration_error(sums, 100, is_fitted=False)
    assert value == pytest.approx(0.1)
    excess = math.sqrt(2 / math.pi) * 22**0.5 + 1.959964 * math.sqrt(1 - 2 / math.pi) * 24**0.5
    assert low == pytest.approx(0.1 - excess / 100)
    assert high == pytest.approx(0.1 + 1.959964 * 24**0.5 / 100)


def test_estimate_calibration_error_fitted_temperature_adds_twice_the_lost_variance_times_the_density():
    # S lies 2.132 standard errors from 0: (10^2 / 22 - 4) / 2 = 0.2727. d = 3^2 / 30 = 0.3.
    sums = np.array([[-10.0], [22.0], [-3.0], [30.0]])
    plain, fitted = (estimate_calibration_error(sums, 100, is_fitted=is_fitted) for is_fitted in (False, True))
    assert fitted.value - plain.value == pytest.approx(
        2 * 0.3 * math.exp(-0.272727) / math.sqrt(2 * math.pi * 22) / 100
    )
    assert fitted.interval == plain.interval


def test_estimate_calibration_error_certain_and_right_on_few_rows_may_still_be_wrong():
    classes = np.arange(700) % 7
    for count, expected in ((7, 0.396), (700, 0.00396)):
        sums = compute_bin_sums(np.eye(7)[classes[:count]], classes[:count])
        value, (low, high) = estimate_calibration_error(sums, count, is_fitted=True)
        assert (value, low) == (0, 0)
        assert high == pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize(
    ("count", "repeats", "distortion"),
    [(100, 300, 0.0), (100, 300, 0.6), (500, 200, -0.6), (3_589, 100, 0.0), (3_589, 100, 0.6)],
)
def test_estimate_calibration_error_interval_holds_the_true_error_in_19_of_20_cases(count, repeats, distortion):
    rng = np.random.default_rng(count)
    many, _, probabilities = draw_rows(rng, 20_000, distortion)
    held = 0
    for _ in range(repeats):
        logits, classes, _ = draw_rows(rng, count, distortion)
        temperature = fit_temperature(logits, classes)
        low, high = estimate(logits, classes, temperature).interval
        held += low <= compute_true_error(many, probabilities, temperature) <= high
    assert held / repeats >= 0.95 - 2 * math.sqrt(0.05 * 0.95 / repeats)


@pytest.mark.parametrize(("count", "repeats"), [(100, 300), (500, 200)])
def test_estimate_calibration_error_interval_of_a_sure_model_allows_for_mistakes_that_the_rows_do_not_show(
    count, repeats
):
    rng = np.random.default_rng(count)
    many, _, probabilities = draw_rows(rng, 20_000, 0.6, spread=60)
    held = 0
    for _ in range(repeats):
        logits, classes, _ = draw_rows(rng, count, 0.6, spread=60)
        temperature = fit_temperature(logits, classes)
        low, high = estimate(logits, classes, temperature).interval
        held += low <= compute_true_error(many, probabilities, temperature) <= high
    assert held / repeats >= 0.95 - 2 * math.sqrt(0.05 * 0.95 / repeats)


@pytest.mark.parametrize("scale", [0.5, 0.8])
def test_estimate_calibration_error_interval_tells_a_badly_calibrated_model(scale):
    """Sharper by half: the interval leaves 0 out, and is no wider than the rows ask for."""
    logits, classes, probabilities = draw_rows(np.random.default_rng(1), 3_589, 0.0)
    low, high = estimate(logits, classes, scale * TEMPERATURE).interval
    true = compute_true_error(logits, probabilities, scale * TEMPERATURE)
    assert 0 < low < true < high
    assert high - low < 0.06


@pytest.mark.parametrize(("count", "repeats", "distortion"), [(100, 3_000, 0.0), (500, 1_500, 0.6), (3_589, 300, 0.0)])
def test_estimate_calibration_error_fit_on_the_same_rows_leaves_less_than_a_thousandth(count, repeats, distortion):
    """Against the plain error on as many other rows at the same temperature.

    What the two sets differ by at the best temperature has the mean 0 and most of the noise, so it is taken off.
    """
    rng = np.random.default_rng(count)
    best = fit_temperature(*draw_rows(rng, 200_000, distortion)[:2])
    lost, returned = [], []
    for _ in range(repeats):
        (logits, classes, _), (other, of_other, _) = (draw_rows(rng, count, distortion) for _ in range(2))
        temperature = fit_temperature(logits, classes)
        same = measure(logits, classes, temperature)
        elsewhere = measure(other, of_other, temperature)
        lost.append(elsewhere - same - (measure(other, of_other, best) - measure(logits, classes, best)))
        returned.append(estimate(logits, classes, temperature).value - same)
    assert np.std(lost) / math.sqrt(repeats) < 0.0008
    assert abs(np.mean(lost) - np.mean(returned)) < 0.001
