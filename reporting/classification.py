"""Which classes were told apart, from a confusion matrix."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.integer[Any]]
Confusion = npt.NDArray[np.int64]


class Recall(NamedTuple):
    """How often a class was recognised."""

    fraction: float
    """Share of the class's rows that was predicted as it; 0 when it has no row."""
    row_count: int
    """Rows of the class."""


def compute_confusion(class_indices: Integers, predicted_indices: Integers, class_count: int) -> Confusion:
    """Numbers of rows by true class (first axis) and predicted class: int64 (class_count, class_count).

    Args:
        class_indices: int (n,), the true classes, 0 to class_count - 1.
        predicted_indices: int (n,), likewise.
        class_count: number of classes, whether or not all occur.
    """
    pairs = class_indices.astype(np.int64) * class_count + predicted_indices
    return np.bincount(pairs, minlength=class_count**2).reshape(class_count, class_count)


def compute_accuracy(confusion: Confusion) -> float:
    """Share of all rows on the diagonal; the matrix must hold a row."""
    return float(np.trace(confusion) / confusion.sum())


def compute_macro_f1(confusion: Confusion) -> float:
    """Unweighted mean of 2 TP / (2 TP + FP + FN) over all classes.

    A class that was neither present nor predicted counts 0, as in scikit-learn and in the Evaluator.
    """
    return float(np.mean(compute_f1_scores(confusion)))


def compute_recalls(confusion: Confusion) -> list[Recall]:
    """Recall of each class, in index order."""
    counts = confusion.sum(axis=1)
    return [
        Recall(float(hits / count) if count else 0.0, int(count))
        for hits, count in zip(np.diag(confusion), counts, strict=True)
    ]


def compute_precisions(confusion: Confusion) -> list[Recall]:
    """Precision of each class, in index order: of the rows predicted as it the share that is of it; 0 of no row."""
    return compute_recalls(confusion.T)


def compute_f1_scores(confusion: Confusion) -> list[float]:
    """F1 of each class, in index order; 0 where the class was neither present nor predicted."""
    hits = np.diag(confusion).astype(np.float64)
    true_plus_predicted = confusion.sum(axis=0) + confusion.sum(axis=1)
    scores = np.divide(2 * hits, true_plus_predicted, out=np.zeros_like(hits), where=true_plus_predicted > 0)
    return [float(score) for score in scores]


def compute_balanced_accuracy(confusion: Confusion) -> float:
    """Unweighted mean recall of the classes that have rows; the matrix must hold a row."""
    return float(np.mean([recall.fraction for recall in compute_recalls(confusion) if recall.row_count]))
