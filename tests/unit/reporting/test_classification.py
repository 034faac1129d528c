"""Classification measures of one small matrix, worked out by hand."""

import numpy as np
import pytest

from reporting.classification import (
    compute_accuracy,
    compute_confusion,
    compute_macro_f1,
    compute_recalls,
)
from reporting.intervals import Share

TRUTH = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2, 2])
PREDICTED = np.array([0, 0, 0, 1, 1, 2, 2, 2, 0, 0])
CONFUSION = np.array([[3, 1, 0], [0, 1, 1], [2, 0, 2]])


def test_compute_confusion_true_classes_are_rows():
    assert compute_confusion(TRUTH, PREDICTED, 3).tolist() == CONFUSION.tolist()


def test_compute_confusion_small_integers_do_not_overflow():
    truth = np.full(3, 16, np.uint8)
    assert compute_confusion(truth, truth, 17)[16, 16] == 3


def test_compute_confusion_class_without_rows_has_its_place():
    assert compute_confusion(np.array([0]), np.array([1]), 3).tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 0]]


def test_compute_accuracy_is_the_share_of_the_diagonal():
    assert compute_accuracy(CONFUSION) == pytest.approx(0.6)


def test_compute_macro_f1_averages_the_classes():
    # 2 * 3 / (4 + 5), 2 * 1 / (2 + 2), 2 * 2 / (4 + 3).
    assert compute_macro_f1(CONFUSION) == pytest.approx((6 / 9 + 2 / 4 + 4 / 7) / 3)


def test_compute_macro_f1_class_neither_present_nor_predicted_counts_zero():
    assert compute_macro_f1(np.array([[4, 0], [0, 0]])) == pytest.approx(0.5)


def test_compute_recalls_tells_share_and_rows_of_each_class():
    assert compute_recalls(CONFUSION) == (Share.of(0.75, 4), Share.of(0.5, 2), Share.of(0.5, 4))


def test_compute_recalls_class_without_rows_is_zero_of_zero():
    assert compute_recalls(np.array([[1, 0], [0, 0]])) == (Share.of(1.0, 1), Share.of(0.0, 0))
