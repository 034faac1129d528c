"""Which rows a figure counts, where the evaluation of a plain model can't show it."""

import numpy as np

from benchmarks.evaluate import Answers, describe_abstention, describe_accuracy

# Sure of class 0 by 0.9, 0.8 and 0.6; right, right, wrong.
PROBABILITIES = np.array([[share, *[(1 - share) / 6] * 6] for share in (0.9, 0.8, 0.6)])
ANSWERS = Answers(PROBABILITIES, np.array([0, 0, 1]))


def test_describe_abstention_accuracy_counts_kept_rows_and_coverage_all():
    found = describe_abstention(ANSWERS, 0.7)
    assert (found["threshold"], found["coverage"]["value"], found["coverage"]["n"]) == (0.7, 2 / 3, 3)
    assert (found["accuracy"]["value"], found["accuracy"]["n"]) == (1.0, 2)
    assert describe_abstention(ANSWERS, 0.5)["accuracy"]["value"] == 2 / 3


def test_describe_accuracy_no_rows_is_zero_of_zero():
    nothing = ANSWERS.select(np.zeros(3, bool))
    assert describe_accuracy(nothing) == {"value": 0.0, "low": 0.0, "high": 1.0, "n": 0}
