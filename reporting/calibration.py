"""How far probabilities can be trusted.

Throughout, `probabilities` is float (n, classes) with n at least 1, `class_indices` is int (n,), the true classes, and
the confidence of a row is its largest probability. Of the 15 bins, as in Guo et al. 2017, the m-th holds confidences
above (m - 1) / 15, up to and including m / 15, unlike those of scikit-learn.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from reporting.intervals import Z_95, Interval

_BIN_COUNT = 15
_EDGES = np.linspace(0, 1, _BIN_COUNT + 1)
_ADDED = 2  # rows whose surplus is 1
_LEAST_PROBABILITY = float(np.finfo(np.float32).tiny)  # an exact 0 would make one loss, and so the mean, infinite

Floats = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class CoveragePoint:
    """What is left when only answers of at least a given confidence are kept."""

    threshold: float
    coverage_fraction: float  # share of the rows that is kept
    accuracy_fraction: float  # share of the kept rows that is right


@dataclass(frozen=True)
class ReliabilityBin:
    """The rows whose confidence is above `low` and up to `high`."""

    low: float
    high: float
    count: int
    confidence: float  # mean confidence of these rows; 0 if there are none
    accuracy: float  # share of them that is right; 0 if there are none


class CalibrationEstimate(NamedTuple):
    """An expected calibration error and how well the rows determine it, all in [0, 1]."""

    value: float
    interval: Interval  # 95 %, of the error that the model would have on infinitely many rows


def compute_reliability(probabilities: Floats, class_indices: Integers) -> tuple[ReliabilityBin, ...]:
    """The bins of a reliability diagram."""
    confidences, hits = _find_confidences(probabilities, class_indices)
    counts, *sums = _sum_bins(confidences, np.ones(len(hits)), confidences, hits)
    columns = (_EDGES[:-1], _EDGES[1:], counts.astype(np.int64), *(values / np.maximum(counts, 1) for values in sums))
    return tuple(ReliabilityBin(*row) for row in zip(*(column.tolist() for column in columns), strict=True))


def compute_calibration_error(probabilities: Floats, class_indices: Integers) -> float:
    """Expected calibration error, from 0 to 1 (Guo et al. 2017, arXiv:1706.04599, equation 3)."""
    surpluses = compute_bin_sums(probabilities, class_indices)[0]
    return float(np.abs(surpluses).sum() / len(class_indices))


def compute_bin_sums(probabilities: Floats, class_indices: Integers) -> npt.NDArray[np.float64]:
    """What `estimate_calibration_error` needs, summed over the rows of each bin: float64 (4, bins).

    In this order: surpluses, that is hits minus confidences; their squares; the derivative of the confidences by the
    logarithm of a temperature; and the Fisher information of that logarithm.
    """
    confidences, hits = _find_confidences(probabilities, class_indices)
    logs = np.log(np.maximum(probabilities.astype(np.float64), _LEAST_PROBABILITY))
    means = (probabilities * logs).sum(axis=1)
    slopes = -confidences * (np.log(confidences) - means)
    information = (probabilities * (logs - means[:, np.newaxis]) ** 2).sum(axis=1)
    surpluses = hits - confidences
    return _sum_bins(confidences, surpluses, surpluses**2, slopes, information)


def estimate_calibration_error(sums: npt.NDArray[np.float64], count: int, *, is_fitted: bool) -> CalibrationEstimate:
    """Expected calibration error with a 95 % interval that holds for few rows and for well calibrated models alike.

    Few rows make the plain error too large (Kumar et al. 2019, arXiv:1909.10155): a perfect model has 0.1 on 100 rows.
    A bootstrap adds that noise once more, so that its percentiles leave the truth out. Here S is a bin's sum of
    surpluses, m its mean, and Q the sum of squares, at least its variance. The triangle inequality gives both ends:

    - sum |S| is at most sum |m| + sum |S - m|, and the latter is a sum of half-normals of the variances Q;
    - sum |S| is at least sum sign(m) S, which is normal with the mean sum |m| and a variance of at most sum Q.

    A sure model makes mistakes too rarely for few rows to show their part of Q. So two rows as wrong as can be are
    added to sum Q, as Agresti and Coull add rows to a share.

    A temperature that was fitted on the same rows draws each S towards 0. With A, the slopes, and H, the information of
    all rows, S loses the variance d = A^2 / H here and gains it on other rows. The mean of |S| grows with the variance
    at the rate of S's density at 0, so the value is raised by 2 d times that density; a bin within two standard errors
    of 0 is taken for a calibrated one.

    `sums` are from `compute_bin_sums`, `count` is their number of rows, at least one, and `is_fitted` says whether the
    model's temperature was fitted on these rows.
    """
    surpluses, squares, slopes, information = sums
    noise = np.sqrt(squares)
    plain, spread = float(np.abs(surpluses).sum()), math.sqrt(squares.sum() + _ADDED)
    excess = math.sqrt(2 / math.pi) * float(noise.sum()) + Z_95 * math.sqrt(1 - 2 / math.pi) * spread
    optimism = 0.0
    if is_fitted and information.sum() > 0:
        lost = np.minimum(slopes**2 / information.sum(), squares)
        filled = np.where(squares == 0, 1, squares)
        densities = np.exp(-np.maximum(surpluses**2 / filled - 4, 0) / 2) / np.sqrt(2 * math.pi * filled)
        optimism = 2 * float((lost * densities).sum())
    low, high = (plain - excess) / count, (plain + Z_95 * spread) / count
    return CalibrationEstimate((plain + optimism) / count, Interval(max(0.0, low), min(1.0, high)))


def _find_confidences(
    probabilities: Floats, class_indices: Integers
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Each row's confidence, and whether it is right: (n,) each."""
    return probabilities.max(axis=1).astype(np.float64), probabilities.argmax(axis=1) == class_indices


def _sum_bins(confidences: npt.NDArray[np.float64], *columns: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Each column (n,), summed over the rows of each bin: float64 (columns, bins)."""
    bins = np.digitize(confidences, _EDGES[1:-1], right=True)
    return np.array([np.bincount(bins, weights=column, minlength=_BIN_COUNT) for column in columns])


def compute_nll(probabilities: Floats, class_indices: Integers) -> float:
    """Mean negative logarithm of the true class's probability, in nats; an exact 0 counts as 1.2e-38."""
    of_true_class = probabilities[np.arange(len(class_indices)), class_indices].astype(np.float64)
    return float(-np.log(np.maximum(of_true_class, _LEAST_PROBABILITY)).mean())


def compute_brier_score(probabilities: Floats, class_indices: Integers) -> float:
    """Mean over rows of the squared distances to the true class, summed over classes; 0 to 2 (Brier 1950)."""
    distances = probabilities.astype(np.float64)
    distances[np.arange(len(class_indices)), class_indices] -= 1
    return float(np.square(distances).sum(axis=1).mean())


def scale_probabilities(probabilities: Floats, temperature: float) -> npt.NDArray[np.float64]:
    """softmax(logits / temperature) from softmax(logits): p ** (1 / temperature), normalised; a 0 stays 0."""
    with np.errstate(divide="ignore"):
        return np.asarray(softmax(np.log(probabilities.astype(np.float64)) / temperature, axis=1))


def apply_abstain_threshold(probabilities: Floats, class_indices: Integers, threshold: float) -> CoveragePoint:
    """What a threshold of the confidence, 0-1, leaves; with no row kept the accuracy is 0."""
    _, hits = _find_confidences(probabilities, class_indices)
    is_kept = probabilities.max(axis=1) >= threshold  # in the precision in which the graph compares
    return CoveragePoint(threshold, float(is_kept.mean()), float(hits[is_kept].mean()) if is_kept.any() else 0.0)


def compute_coverage(probabilities: Floats, class_indices: Integers, most: int = 40) -> tuple[CoveragePoint, ...]:
    """The curve from the most confident answers alone to all; rows of equal confidence are kept or dropped together."""
    confidences, hits = _find_confidences(probabilities, class_indices)
    order = np.argsort(-confidences, kind="stable")
    kept_counts = np.arange(1, len(order) + 1)
    accuracies = np.cumsum(hits[order]) / kept_counts
    (ends,) = np.nonzero(np.append(np.diff(confidences[order]) < 0, True))
    chosen = ends[np.unique(np.linspace(0, len(ends) - 1, most).round().astype(int))]
    return tuple(
        CoveragePoint(float(confidences[order[end]]), float(kept_counts[end] / len(order)), float(accuracies[end]))
        for end in chosen
    )
