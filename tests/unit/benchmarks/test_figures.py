"""Which rows a figure counts, where the evaluation of a plain model can't show it."""

import numpy as np
import pytest

from benchmarks.figures import Answers, describe_abstention, describe_accuracy

# Sure of class 0 by 0.9, 0.8 and 0.6; right, right, wrong.
PROBABILITIES = np.array([[share, *[(1 - share) / 6] * 6] for share in (0.9, 0.8, 0.6)])
ANSWERS = Answers(PROBABILITIES, np.array([0, 0, 1]))


def test_describe_abstention_accuracy_counts_kept_rows_and_coverage_all():
    fitted = describe_abstention(ANSWERS, 0.9, 0.85)["by_eval_split"]
    assert (fitted["threshold"], fitted["coverage"]["value"], fitted["coverage"]["n"]) == (0.85, 1 / 3, 3)
    assert (fitted["accuracy"]["value"], fitted["accuracy"]["n"]) == (1.0, 1)
    hindsight = describe_abstention(ANSWERS, 0.9, 0.85)["in_hindsight"]
    assert (hindsight["threshold"], hindsight["accuracy"]["n"]) == (pytest.approx(0.8), 2)


def test_describe_abstention_each_threshold_may_be_missing_by_itself():
    assert describe_abstention(ANSWERS, 0.9, None)["by_eval_split"] is None
    assert describe_abstention(ANSWERS, 0.9, None)["in_hindsight"] is not None
    never_right = Answers(PROBABILITIES, np.array([1, 1, 1]))
    assert describe_abstention(never_right, 0.9, 0.85)["by_eval_split"]["accuracy"]["value"] == 0.0
    assert describe_abstention(never_right, 0.9, 0.85)["in_hindsight"] is None


def test_describe_accuracy_no_rows_is_zero_of_zero():
    nothing = ANSWERS.select(np.zeros(3, bool))
    assert describe_accuracy(nothing) == {"value": 0.0, "low": 0.0, "high": 1.0, "n": 0}
