"""Whether two models that saw the same rows differ beyond chance."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import binom


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
