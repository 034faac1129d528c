"""Logits -> calibrated probabilities, and the confidence below which the model abstains."""

import json
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

Floats = npt.NDArray[np.float32 | np.float64]

_LOG_TEMPERATURE_BOUNDS = (-3.0, 3.0)


@dataclass(frozen=True)
class Calibration:
    """What was learned from the eval split about a network's confidence."""

    temperature: float
    """Probabilities are softmax(logits / temperature)."""
    abstain_threshold: float
    """Least confidence, 0-1, at which `abstain_accuracy` of the kept pictures is right; 1 when none is enough."""
    abstain_accuracy: float
    """Share of the kept pictures that is right."""
    coverage: float
    """Share of the pictures that is kept."""
    n: int
    """Pictures that it was learned from."""

    def to_json(self) -> str:
        """The text of `calibration.json`."""
        return json.dumps(asdict(self), indent=2) + "\n"


def calibrate(logits: Floats, class_indices: npt.NDArray[np.int64], abstain_accuracy: float) -> Calibration:
    """Fit temperature and abstain threshold to pictures that were not trained on.

    Args:
        logits: float (n, 7).
        class_indices: int (n,).
        abstain_accuracy: share, 0-1, of the kept pictures that is to be right.
    """
    temperature = fit_temperature(logits, class_indices)
    probabilities = softmax(logits / temperature, axis=1)
    threshold = find_abstain_threshold(probabilities, class_indices, abstain_accuracy)
    is_kept = probabilities.max(axis=1) >= threshold
    is_right = probabilities.argmax(axis=1) == class_indices
    accuracy = float(is_right[is_kept].mean()) if is_kept.any() else 0.0
    return Calibration(temperature, threshold, accuracy, float(is_kept.mean()), len(class_indices))


def fit_temperature(logits: Floats, class_indices: npt.NDArray[np.int64]) -> float:
    """The temperature with the least cross entropy (Guo et al. 2017, arXiv:1706.04599), between 0.05 and 20."""

    def compute_loss(log_temperature: float) -> float:
        logs = log_softmax(logits / np.exp(log_temperature), axis=1)
        return -float(logs[np.arange(len(logs)), class_indices].mean())

    return float(np.exp(minimize_scalar(compute_loss, bounds=_LOG_TEMPERATURE_BOUNDS, method="bounded").x))


def find_abstain_threshold(probabilities: Floats, class_indices: npt.NDArray[np.int64], accuracy: float) -> float:
    """Least confidence such that, of all pictures with at least this confidence, a share `accuracy` is right.

    1 when there is none. Pictures of equal confidence are kept or left out together. Probabilities are float (n, 7).
    """
    confidences = probabilities.max(axis=1)
    order = np.argsort(-confidences, kind="stable")
    is_right = (probabilities.argmax(axis=1) == class_indices)[order]
    kept_counts = np.arange(1, len(order) + 1)
    ends_a_tie = np.append(np.diff(confidences[order]) < 0, True)
    (enough,) = np.nonzero(ends_a_tie & (np.cumsum(is_right) >= accuracy * kept_counts))
    return float(confidences[order[enough[-1]]]) if len(enough) else 1.0
