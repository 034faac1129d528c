"""What is beyond chance: of two models that saw the same rows, and of two sets of labels."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import beta, binom, hypergeom

# Skew, drift and absent classes are judged at a third each: all three together refuse sound labels once in 100 times.
LABEL_DOUBT = 0.01 / 3


class McNemar(NamedTuple):
    """McNemar's test (1947) of two models on the same rows."""

    first_only: int
    """Rows that the first got right and the second wrong."""
    second_only: int
    """Rows that the second got right and the first wrong."""
    p_value: float
    """Two-sided and exact: were both equally good, the chance of a split at least as uneven."""


def compare_hits(first_hits: npt.NDArray[np.bool_], second_hits: npt.NDArray[np.bool_]) -> McNemar:
    """Exact McNemar test: the rows on which only one is right, against a fair coin.

    Args:
        first_hits: bool (n,), whether the first model was right.
        second_hits: bool (n,), whether the second was, on the same rows in the same order.

    Raises:
        ValueError: the two have different lengths.
    """
    if first_hits.shape != second_hits.shape:
        raise ValueError(
            f"hits of the same rows: expected equal shapes, got {first_hits.shape} and {second_hits.shape}"
        )
    first_only = int((first_hits & ~second_hits).sum())
    second_only = int((second_hits & ~first_hits).sum())
    # The binomial with p = 1/2 is symmetric: twice the tail, at most 1.
    tail = float(binom.cdf(min(first_only, second_only), first_only + second_only, 0.5))
    return McNemar(first_only, second_only, min(1.0, 2 * tail))


def bound_share_differences(first: npt.ArrayLike, second: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """How far each class's share lies apart at least: lower ends of confidence intervals that hold for all together.

    Of two samples that were drawn with the same shares, one end or more lies above 0 in at most `LABEL_DOUBT` of cases.
    The ends of a difference come from those of its two shares (Zou and Donner 2008, doi:10.1002/sim.3095), which are
    exact (Clopper and Pearson 1934) and therefore sound for rare classes and few rows. Bonferroni makes one of all.

    Args:
        first: int (..., classes), numbers of rows by class, at least one in all.
        second: int (..., classes), likewise.

    Returns:
        float64 (..., classes), each in [0, 1].
    """
    counts = np.stack([np.asarray(first), np.asarray(second)]).astype(np.float64)
    others = counts.sum(axis=-1, keepdims=True) - counts
    tail = LABEL_DOUBT / counts.shape[-1] / 2  # either share may be the larger one
    shares = counts / (counts + others)
    # Without a row of the class, or of another, the formula is undefined and the end is 0 or 1.
    lows = np.where(counts > 0, beta.ppf(tail, np.maximum(counts, 1), others + 1), 0)
    highs = np.where(others > 0, beta.isf(tail, counts + 1, np.maximum(others, 1)), 1)
    more = shares[0] - shares[1] - np.hypot(shares[0] - lows[0], highs[1] - shares[1])
    less = shares[1] - shares[0] - np.hypot(shares[1] - lows[1], highs[0] - shares[0])
    return np.asarray(np.maximum(np.maximum(more, less), 0))


def compute_absence_chances(present: npt.ArrayLike, other_count: int) -> npt.NDArray[np.float64]:
    """How probable it is that a random sample misses a class that the other rows have: a hypergeometric tail.

    Args:
        present: int (classes,), rows by class of those that are not in the sample.
        other_count: rows of the sample, none of which is of the class.

    Returns:
        float64 (classes,), in [0, 1]; 1 for a class that nobody has.
    """
    counts = np.asarray(present)
    return np.asarray(hypergeom.pmf(0, counts.sum() + other_count, counts, other_count), np.float64)
