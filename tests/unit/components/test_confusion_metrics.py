"""Accuracy and macro F1 against hand-worked values and scikit-learn, alone and through TFMA."""

import math

import numpy as np
import pytest
from sklearn.metrics import f1_score
from tfma_evaluation import evaluate_rows

from components.metrics.rows import Accuracy, MacroF1
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from reporting.classification import compute_macro_f1


def to_pairs(confusion: np.ndarray) -> tuple[list[int], list[int]]:
    """True and predicted class of each row that a confusion matrix counts."""
    cells = [cell for cell, count in np.ndenumerate(confusion) for _ in range(int(count))]
    return [true for true, _ in cells], [predicted for _, predicted in cells]


def place(*cells: tuple[int, int, int]) -> np.ndarray:
    """A 7 x 7 matrix of zeros but for (true, predicted, count)."""
    confusion = np.zeros((len(DEFAULT_CLASS_NAMES), len(DEFAULT_CLASS_NAMES)))
    for true, predicted, count in cells:
        confusion[true, predicted] = count
    return confusion


def test_compute_macro_f1_two_classes_matches_the_value_worked_out_by_hand():
    # Class 0: 3 of 4 found, 3 of 5 right: 2 * 3 / 9. Class 1: 4 of 6 found, 4 of 5 right: 2 * 4 / 11.
    assert compute_macro_f1(np.array([[3.0, 1.0], [2.0, 4.0]])) == pytest.approx((6 / 9 + 8 / 11) / 2, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_compute_macro_f1_random_confusion_matches_scikit_learn(seed):
    confusion = (
        np.random.default_rng(seed)
        .integers(0, 9, (len(DEFAULT_CLASS_NAMES), len(DEFAULT_CLASS_NAMES)))
        .astype(np.float64)
    )
    true, predicted = to_pairs(confusion)
    assert compute_macro_f1(confusion) == pytest.approx(f1_score(true, predicted, average="macro"), abs=1e-12)


@pytest.mark.parametrize(
    ("confusion", "expected"),
    [
        (place(), 0.0),
        (np.eye(len(DEFAULT_CLASS_NAMES)) * 5, 1.0),
        (np.ones((len(DEFAULT_CLASS_NAMES), len(DEFAULT_CLASS_NAMES))) - np.eye(len(DEFAULT_CLASS_NAMES)), 0.0),
        # All rows are of class 3 and found: one F1 of 1 among seven.
        (place((3, 3, 10)), 1 / 7),
        # Everything is said to be class 3, which 2 of 8 rows are: F1 is 2 * 2 / (8 + 2).
        (place((3, 3, 2), (0, 3, 6)), 0.4 / 7),
    ],
    ids=["nothing", "all right", "all wrong", "one class alone", "one class said"],
)
def test_compute_macro_f1_degenerate_confusion_counts_empty_classes_as_0(confusion, expected):
    assert compute_macro_f1(confusion) == pytest.approx(expected, abs=1e-12)
    true, predicted = to_pairs(confusion)
    if true:
        by_sklearn = f1_score(true, predicted, average="macro", labels=range(len(DEFAULT_CLASS_NAMES)), zero_division=0)
        assert by_sklearn == pytest.approx(expected, abs=1e-12)


# The winner has 0.4, so that a threshold of a half would find no class at all.
TRUE, PREDICTED = [0, 0, 0, 1, 1, 3, 3, 6], [0, 0, 1, 1, 3, 3, 3, 0]
PROBABILITIES = np.full((8, len(DEFAULT_CLASS_NAMES)), 0.1)
PROBABILITIES[np.arange(8), PREDICTED] = 0.4


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple, dict[str, float]]:
    """Both metrics of eight sound rows by slice."""
    return evaluate_rows((Accuracy, MacroF1), TRUE, PROBABILITIES, tmp_path_factory.mktemp("evaluation"))


def test_metrics_in_tfma_take_the_most_probable_class(measured):
    # Class 0: 2 hits, 3 true, 3 said. Class 1: 1, 2, 2. Class 3: 2, 2, 3. Class 6: 0, 1, 0.
    assert measured[()]["macro_f1"] == pytest.approx((4 / 6 + 2 / 4 + 4 / 5 + 0) / 7, abs=1e-9)
    assert measured[()]["accuracy"] == 5 / 8


def test_metrics_in_tfma_slice_sees_its_own_rows_only(measured):
    assert measured[(("emotion", 3),)]["macro_f1"] == pytest.approx(1 / 7, abs=1e-9)
    assert measured[(("emotion", 6),)]["macro_f1"] == 0.0
    accuracies = {key[0][1]: values["accuracy"] for key, values in measured.items() if key}
    assert accuracies == {0: pytest.approx(2 / 3), 1: 1 / 2, 3: 1.0, 6: 0.0}


def test_metrics_in_tfma_row_without_a_number_is_no_hit_and_leaves_no_number_for_its_slices(tmp_path):
    # Keras' accuracy takes such a row for one of class 0, which here it would be.
    unsound = np.vstack([PROBABILITIES, np.full((1, len(DEFAULT_CLASS_NAMES)), np.nan)])
    measured = evaluate_rows((Accuracy, MacroF1), [*TRUE, 0], unsound, tmp_path)
    for name in ("accuracy", "macro_f1"):
        without_number = {key for key, values in measured.items() if math.isnan(values[name])}
        assert without_number == {(), (("emotion", 0),)}


@pytest.mark.parametrize("metric", [Accuracy, MacroF1])
def test_metrics_code_is_part_of_their_configuration(metric):
    assert metric(code="a").get_config() != metric(code="b").get_config()
