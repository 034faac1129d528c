"""Logits -> calibrated probabilities, and the confidence below which the model abstains."""

import json
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from fer_tfx.contract import BY_VIEWS_KEY, VIEWS_KEY
from fer_tfx.views import VIEW_COUNTS

Floats = npt.NDArray[np.float32 | np.float64]  # (n, classes)
Classes = npt.NDArray[np.int64]  # (n,)

_ROUNDING = 1e-6  # how far the graph's confidences may be from those that a threshold is set by


@dataclass(frozen=True)
class Calibration:
    """What the eval split says about a network's confidence in answers of some number of views."""

    temperature: float  # probabilities are softmax(logits / temperature)
    abstain_threshold: float
    """Least confidence, 0-1, at which `export.abstain_accuracy` of the kept pictures are right; 1: none is enough."""
    abstain_accuracy: float  # share of the kept pictures that is right
    coverage: float  # share of the pictures that is kept
    n: int  # pictures of the eval split


@dataclass(frozen=True)
class Calibrations:
    """The content of `calibration.json`: for the model as it is served, and for callers that average other views."""

    views: int  # how many the model averages
    by_views: dict[int, Calibration]

    @property
    def served(self) -> Calibration:
        return self.by_views[self.views]

    def to_json(self) -> str:
        """Begins as files had it before there were views."""
        others = {str(count): asdict(each) for count, each in self.by_views.items()}
        return json.dumps({**asdict(self.served), VIEWS_KEY: self.views, BY_VIEWS_KEY: others}, indent=2) + "\n"


def calibrate_views(logits: Floats, class_indices: Classes, abstain_accuracy: float, views: int) -> Calibrations:
    """`calibrate` for each of `VIEW_COUNTS`, from the logits of four views, (n, 4, classes)."""
    means = {count: logits[:, :count].mean(axis=1) for count in VIEW_COUNTS}
    return Calibrations(views, {n: calibrate(mean, class_indices, abstain_accuracy) for n, mean in means.items()})


def calibrate(logits: Floats, class_indices: Classes, abstain_accuracy: float) -> Calibration:
    """Fit both to pictures that were not trained on; `abstain_accuracy` is the share, 0-1, that is to be right."""
    temperature = fit_temperature(logits, class_indices)
    probabilities = softmax(logits / temperature, axis=1)
    threshold = find_abstain_threshold(probabilities, class_indices, abstain_accuracy)
    is_kept = probabilities.max(axis=1) >= threshold
    is_right = probabilities.argmax(axis=1) == class_indices
    accuracy = float(is_right[is_kept].mean()) if is_kept.any() else 0.0
    return Calibration(temperature, threshold, accuracy, float(is_kept.mean()), len(class_indices))


def fit_temperature(logits: Floats, class_indices: Classes) -> float:
    """The temperature with the least cross entropy (Guo et al. 2017, arXiv:1706.04599), between 0.05 and 20."""

    def compute_loss(log_temperature: float) -> float:
        logs = log_softmax(logits / np.exp(log_temperature), axis=1)
        return -float(logs[np.arange(len(logs)), class_indices].mean())

    return float(np.exp(minimize_scalar(compute_loss, bounds=(-3.0, 3.0), method="bounded").x))


def find_abstain_threshold(probabilities: Floats, class_indices: Classes, accuracy: float) -> float:
    """Just below the least confidence such that, of all pictures with at least this one, `accuracy` are right; or 1.

    The graph computes the same confidences in float32 and may round one down, so none of them is the threshold.
    """
    confidences = probabilities.max(axis=1).astype(np.float64)
    order = np.argsort(-confidences, kind="stable")
    is_right = (probabilities.argmax(axis=1) == class_indices)[order]
    kept_counts = np.arange(1, len(order) + 1)
    # Confidences that rounding may swap are kept or left out together.
    ends_a_tie = np.append(np.diff(confidences[order]) < -2 * _ROUNDING, True)
    (enough,) = np.nonzero(ends_a_tie & (np.cumsum(is_right) >= accuracy * kept_counts))
    return float(confidences[order[enough[-1]]]) - _ROUNDING if len(enough) else 1.0
