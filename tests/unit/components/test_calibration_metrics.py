"""Calibration metrics through TFMA: the same numbers as `reporting.calibration`, overall and by class."""

import numpy as np
import pytest
from tfma_evaluation import evaluate_rows

from components.metrics.rows import BrierScore, CalibrationError, NegativeLogLikelihood
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from reporting.calibration import (
    CalibrationEstimate,
    compute_bin_sums,
    compute_brier_score,
    compute_nll,
    estimate_calibration_error,
)


def estimate(probabilities: np.ndarray, classes: np.ndarray) -> CalibrationEstimate:
    return estimate_calibration_error(compute_bin_sums(probabilities, classes), len(classes), is_fitted=True)


REFERENCES = {
    CalibrationError: lambda probabilities, classes: estimate(probabilities, classes).value,
    NegativeLogLikelihood: compute_nll,
    BrierScore: compute_brier_score,
}
NAMES = {CalibrationError: "calibration_error", NegativeLogLikelihood: "nll", BrierScore: "brier_score"}
RNG = np.random.default_rng(11)
TRUE = np.arange(84) % len(DEFAULT_CLASS_NAMES)
PROBABILITIES = RNG.dirichlet(np.full(len(DEFAULT_CLASS_NAMES), 0.3), 84)
PROBABILITIES[:2] = np.eye(len(DEFAULT_CLASS_NAMES))[:2]  # certain and right
PROBABILITIES[7] = np.eye(len(DEFAULT_CLASS_NAMES))[3]  # certain and wrong: an exact 0 for the true class


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> dict[tuple, dict[str, float]]:
    """Metrics by slice, as TFMA's evaluation of rows in memory gives them."""
    return evaluate_rows(tuple(NAMES), TRUE, PROBABILITIES, tmp_path_factory.mktemp("evaluation"))


@pytest.mark.parametrize("metric", REFERENCES, ids=NAMES.get)
@pytest.mark.parametrize("class_index", [None, *range(len(DEFAULT_CLASS_NAMES))])
def test_metric_in_tfma_gives_the_number_of_the_report_for_each_slice(measured, metric, class_index):
    rows = slice(None) if class_index is None else class_index == TRUE
    found = measured[() if class_index is None else (("emotion", class_index),)]
    assert found[NAMES[metric]] == pytest.approx(REFERENCES[metric](PROBABILITIES[rows], TRUE[rows]), rel=1e-6)


@pytest.mark.parametrize("class_index", [None, 3])
def test_calibration_error_in_tfma_comes_with_the_interval_of_the_report(measured, class_index):
    rows = slice(None) if class_index is None else class_index == TRUE
    found = measured[() if class_index is None else (("emotion", class_index),)]
    interval = found["calibration_error_low"], found["calibration_error_high"]
    assert interval == pytest.approx(estimate(PROBABILITIES[rows], TRUE[rows]).interval, rel=1e-6)


@pytest.mark.parametrize("metric", REFERENCES, ids=NAMES.get)
def test_metric_code_is_part_of_its_configuration(metric):
    assert metric(code="a").get_config() != metric(code="b").get_config()
