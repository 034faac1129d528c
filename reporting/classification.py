"""Which rows and classes a model gets right.

`confusion` holds numbers of rows by true class (first axis) and predicted class: int64 (classes, classes). Figures by
class are in index order. Scikit-learn is used in the tests only, as importing it changes the process's environment.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from reporting.intervals import Share

Integers = npt.NDArray[np.integer[Any]]
Hits = npt.NDArray[np.bool_]
Confusion = npt.NDArray[np.int64]


class McNemar(NamedTuple):
    """McNemar's test (1947) of two models on the same rows."""

    first_only: int  # rows that the first got right and the second wrong
    second_only: int  # rows that the second got right and the first wrong
    p_value: float  # two-sided and exact: were both equally good, the chance of a split at least as uneven


def compute_confusion(class_indices: Integers, predicted_indices: Integers, class_count: int) -> Confusion:
    """The confusion of true and predicted classes, int (n,) from 0 to class_count - 1, whether or not all occur."""
    pairs = class_indices.astype(np.int64) * class_count + predicted_indices
    return np.bincount(pairs, minlength=class_count**2).reshape(class_count, class_count)


def compute_accuracy(confusion: Confusion) -> float:
    """Share of all rows on the diagonal; the matrix must hold a row."""
    return float(np.trace(confusion) / confusion.sum())


def compute_recalls(confusion: Confusion) -> tuple[Share, ...]:
    """Recall of each class, 0 if it has no row; for the transposed matrix, its precision."""
    pairs = zip(np.diag(confusion), confusion.sum(axis=1), strict=True)
    return tuple(Share.of(float(hits / max(1, count)), int(count)) for hits, count in pairs)


def compute_f1_scores(confusion: Confusion) -> list[float]:
    """F1 of each class; 0 where the class was neither present nor predicted."""
    true_plus_predicted = confusion.sum(axis=0) + confusion.sum(axis=1)
    return list((2 * np.diag(confusion) / np.maximum(true_plus_predicted, 1)).tolist())


def compute_macro_f1(confusion: Confusion) -> float:
    """Unweighted mean F1 over all classes, whether or not they occur."""
    return float(np.mean(compute_f1_scores(confusion)))


def compare_hits(first_hits: Hits, second_hits: Hits) -> McNemar:
    """Exact McNemar test of two models by which rows, bool (n,), each got right: those of one alone, as coin tosses."""
    first_only, second_only = int((first_hits & ~second_hits).sum()), int((second_hits & ~first_hits).sum())
    discordant = first_only + second_only
    return McNemar(first_only, second_only, float(binomtest(first_only, discordant).pvalue) if discordant else 1.0)
