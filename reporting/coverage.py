"""Coverage against accuracy: what is left when a model answers only where it is confident."""

import numpy as np

from reporting.calibration import Floats, Integers
from reporting.report_data import CoveragePoint


def compute_coverage(
    probabilities: Floats, class_indices: Integers, point_count: int = 40
) -> tuple[CoveragePoint, ...]:
    """The curve from the most confident answers alone to all of them, in at most `point_count` steps.

    Rows of equal confidence are kept or left out together.

    Args:
        probabilities: float (n, classes), n at least 1.
        class_indices: int (n,), the true classes.
        point_count: how many points at most.
    """
    confidences = probabilities.max(axis=1)
    order = np.argsort(-confidences, kind="stable")
    kept_counts = np.arange(1, len(order) + 1)
    accuracies = np.cumsum((probabilities.argmax(axis=1) == class_indices)[order]) / kept_counts
    (ends,) = np.nonzero(np.append(np.diff(confidences[order]) < 0, True))
    chosen = ends[np.unique(np.linspace(0, len(ends) - 1, point_count).round().astype(int))]
    return tuple(
        CoveragePoint(float(confidences[order[end]]), float(kept_counts[end] / len(order)), float(accuracies[end]))
        for end in chosen
    )
