"""How far probabilities may be believed."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

_LEAST_PROBABILITY = float(np.finfo(np.float32).tiny)  # an exact 0 would make one loss, and so the mean, infinite

Floats = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.integer[Any]]


class AbstainThreshold(NamedTuple):
    """A bound on confidence and what it leaves."""

    threshold: float
    """Rows whose largest probability is at least this are kept."""
    coverage_fraction: float
    """Share of the rows that is kept."""
    accuracy_fraction: float
    """Share of the kept rows that is right."""
    kept_count: int


@dataclass(frozen=True)
class ReliabilityBin:
    """The rows whose confidence lies above `low` and up to `high`."""

    low: float
    high: float
    count: int
    confidence: float
    """Mean confidence of these rows; 0 of none."""
    accuracy: float
    """Share of them that is right; 0 of none."""


def compute_reliability(
    probabilities: Floats, class_indices: Integers, bin_count: int = 15
) -> tuple[ReliabilityBin, ...]:
    """Bins of equal width, as of a reliability diagram; bin m ends with m / bin_count.

    Args:
        probabilities: float (n, classes).
        class_indices: int (n,), the true classes.
        bin_count: number of bins between 0 and 1.
    """
    counts, *sums = _sum_bins(probabilities, class_indices, bin_count)
    edges = np.linspace(0, 1, bin_count + 1)
    means = [np.divide(values, counts, out=np.zeros(bin_count), where=counts > 0) for values in sums]
    columns = (edges[:-1], edges[1:], counts, *means)
    return tuple(ReliabilityBin(*row) for row in zip(*(column.tolist() for column in columns), strict=True))


def compute_calibration_error(probabilities: Floats, class_indices: Integers, bin_count: int = 15) -> float:
    """Expected calibration error over bins of equal width (Guo et al. 2017, arXiv:1706.04599, equation 3).

    The mean, weighted by the rows in a bin, of the distance between its accuracy and its mean confidence. As in the
    paper bin m holds confidences above (m - 1) / bin_count up to and with m / bin_count.

    Args:
        probabilities: float (n, classes), n at least 1.
        class_indices: int (n,), the true classes.
        bin_count: number of bins between 0 and 1.

    Returns:
        From 0 (as good as said) to 1.
    """
    surpluses = compute_bin_surpluses(probabilities, class_indices, bin_count)
    return float(np.abs(surpluses).sum() / len(class_indices))


def compute_bin_surpluses(
    probabilities: Floats, class_indices: Integers, bin_count: int = 15
) -> npt.NDArray[np.float64]:
    """Hits minus confidences, summed over the rows of each confidence bin: float64 (bin_count,).

    Those of two sets of rows add up to those of both; arguments and bins are those of `compute_calibration_error`.
    """
    _, confidences, hits = _sum_bins(probabilities, class_indices, bin_count)
    return np.asarray(hits - confidences, np.float64)


def _sum_bins(probabilities: Floats, class_indices: Integers, bin_count: int) -> list[npt.NDArray[Any]]:
    """Number (int64), confidences and hits (float64) of the rows of each bin, summed: (bin_count,) each."""
    confidences = probabilities.max(axis=1).astype(np.float64)
    is_right = probabilities.argmax(axis=1) == class_indices
    bins = np.digitize(confidences, np.linspace(0, 1, bin_count + 1)[1:-1], right=True)
    return [np.bincount(bins, weights=values, minlength=bin_count) for values in (None, confidences, is_right)]


def compute_nll(probabilities: Floats, class_indices: Integers) -> float:
    """Mean negative logarithm of the true class's probability, in nats; an exact 0 counts as 1.2e-38.

    Args:
        probabilities: float (n, classes), n at least 1.
        class_indices: int (n,), the true classes.
    """
    of_true_class = probabilities[np.arange(len(class_indices)), class_indices].astype(np.float64)
    return float(-np.log(np.maximum(of_true_class, _LEAST_PROBABILITY)).mean())


def compute_brier_score(probabilities: Floats, class_indices: Integers) -> float:
    """Mean over rows of the squared distances, summed over classes, to 1 for the true class and 0 else (Brier 1950).

    Args:
        probabilities: float (n, classes), n at least 1.
        class_indices: int (n,), the true classes.

    Returns:
        From 0 to 2.
    """
    distances = probabilities.astype(np.float64)
    distances[np.arange(len(class_indices)), class_indices] -= 1
    return float(np.square(distances).sum(axis=1).mean())


def scale_probabilities(probabilities: Floats, temperature: float) -> npt.NDArray[np.float64]:
    """What softmax(logits / temperature) would be, from softmax(logits): p ** (1 / temperature), normalised.

    Args:
        probabilities: float (n, classes), rows sum to 1; a 0 stays 0.
        temperature: above 1 flattens, below 1 sharpens; `1 / t` undoes `t`.

    Raises:
        ValueError: the temperature is not above 0.
    """
    if not temperature > 0:
        raise ValueError(f"temperature: expected more than 0, got {temperature!r}")
    with np.errstate(divide="ignore"):
        logs = np.log(probabilities.astype(np.float64)) / temperature
    powers = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def apply_abstain_threshold(probabilities: Floats, class_indices: Integers, threshold: float) -> AbstainThreshold:
    """What a given threshold leaves; with no row kept the accuracy is 0.

    Args:
        probabilities: float (n, classes), n at least 1.
        class_indices: int (n,), the true classes.
        threshold: least confidence that is kept, 0-1.
    """
    is_kept = probabilities.max(axis=1) >= threshold
    is_right = probabilities.argmax(axis=1) == class_indices
    count = int(is_kept.sum())
    accuracy = float(is_right[is_kept].mean()) if count else 0.0
    return AbstainThreshold(threshold, count / len(class_indices), accuracy, count)
