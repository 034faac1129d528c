"""Whether two models that saw the same rows differ beyond chance."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt


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
    return McNemar(first_only, second_only, _two_sided_p_value(first_only, second_only))


def _two_sided_p_value(first: int, second: int) -> float:
    """Twice the binomial tail with p = 1/2, at most 1. Whole numbers: no rounding before the one division."""
    count = first + second
    tail, term = 0, 1
    for k in range(min(first, second) + 1):
        tail += term
        term = term * (count - k) // (k + 1)  # C(count, k + 1) from C(count, k)
    return min(1.0, 2 * tail / (1 << count))
