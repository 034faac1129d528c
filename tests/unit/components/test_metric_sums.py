"""Sums over rows: two parts add up to the whole, and an unsound row is never lost."""

import numpy as np
import pytest

from components.metrics.rows import Accuracy, BrierScore, CalibrationError, MacroF1, NegativeLogLikelihood, RowSums

METRICS = (CalibrationError, NegativeLogLikelihood, BrierScore, Accuracy, MacroF1)
RNG = np.random.default_rng(5)
PROBABILITIES = RNG.dirichlet(np.ones(7), 40)
TRUE = RNG.integers(0, 7, 40)


def sum_rows(probabilities: np.ndarray, true: np.ndarray) -> RowSums:
    sums = RowSums()
    for class_index, row in zip(true, probabilities, strict=True):
        sums.add_row(int(class_index), row)
    return sums


def test_row_sums_add_row_two_rows_match_the_values_worked_out_by_hand():
    sums = sum_rows(np.array([[0.5, 0.5, 0, 0, 0, 0, 0], [0, 0.25, 0.75, 0, 0, 0, 0]]), np.array([0, 1]))
    assert (sums.count, sums.unsound) == (2, 0)
    assert sums.nll == pytest.approx(np.log(2) + np.log(4))
    assert sums.brier == pytest.approx(0.5 + (0.75**2 + 0.75**2))
    # 0.5 lies in the eighth of 15 bins and was right, 0.75 in the twelfth and was wrong.
    assert {index: value for index, value in enumerate(sums.confidence[0]) if value} == {7: 0.5, 11: -0.75}
    assert [tuple(cell) for cell in np.argwhere(sums.confusion)] == [(0, 0), (1, 2)]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("cut", [0, 1, 17, 40])
def test_row_sums_add_parts_give_the_number_of_the_whole(metric, cut):
    parts = sum_rows(PROBABILITIES[:cut], TRUE[:cut])
    parts.add(sum_rows(PROBABILITIES[cut:], TRUE[cut:]))
    assert parts.count == 40
    assert metric.compute(parts) == pytest.approx(metric.compute(sum_rows(PROBABILITIES, TRUE)), rel=1e-12)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_row_sums_add_row_without_finite_probabilities_counts_as_unsound_alone(value):
    sums = RowSums()
    sums.add_row(0, np.array([0.9, 0.1, 0, 0, 0, 0, value]))
    other = sum_rows(PROBABILITIES, TRUE)
    other.add(sums)
    assert (other.count, other.unsound, other.confusion.sum()) == (40, 1, 40)
