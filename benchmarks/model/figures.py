"""Probabilities and true classes -> a model's figures, each with its number of rows and, if a share, 95 % interval."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fer_tfx.contract import CLASS_COUNT, CLASS_NAMES
from reporting import calibration, classification
from reporting.intervals import wilson_interval


class Answers(NamedTuple):
    """A model's answers to n rows."""

    probabilities: npt.NDArray[np.floating[Any]]
    """(n, 7)"""
    class_indices: npt.NDArray[np.int64]
    """(n,), the true classes."""

    @property
    def is_right(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.probabilities.argmax(axis=1) == self.class_indices)

    def select(self, is_selected: npt.NDArray[np.bool_]) -> "Answers":
        return Answers(self.probabilities[is_selected], self.class_indices[is_selected])


def describe_share(fraction: float, row_count: int) -> dict[str, float | int]:
    """`value`, Wilson's 95 % bounds `low` and `high`, and `n`."""
    low, high = wilson_interval(fraction, row_count)
    return {"value": fraction, "low": low, "high": high, "n": row_count}


def describe_accuracy(answers: Answers) -> dict[str, float | int]:
    """Share of the rows that is right; 0 if there are none."""
    row_count = len(answers.class_indices)
    return describe_share(float(answers.is_right.mean()) if row_count else 0.0, row_count)


def describe_classes(answers: Answers) -> dict[str, Any]:
    """Macro F1, balanced accuracy, recall per class by name, and the confusion matrix (rows are true classes)."""
    predicted = answers.probabilities.argmax(axis=1)
    confusion = classification.compute_confusion(answers.class_indices, predicted, CLASS_COUNT)
    recalls = zip(CLASS_NAMES, classification.compute_recalls(confusion), strict=True)
    return {
        "accuracy": classification.compute_accuracy(confusion),
        "macro_f1": classification.compute_macro_f1(confusion),
        "balanced_accuracy": classification.compute_balanced_accuracy(confusion),
        "n": len(predicted),
        "recall": {name: describe_share(recall.fraction, recall.count) for name, recall in recalls},
        "confusion": confusion.tolist(),
    }


def describe_calibration(answers: Answers, temperature: float) -> dict[str, Any]:
    """ECE, NLL and Brier score, with the temperature that the probabilities contain (`after`) and without it."""
    before = Answers(calibration.scale_probabilities(answers.probabilities, 1 / temperature), answers.class_indices)
    return {"temperature": temperature, "before": describe_trust(before), "after": describe_trust(answers)}


def describe_trust(answers: Answers) -> dict[str, float | int]:
    """`ece` (15 bins), `nll` (nats), `brier` (0-2) and `n`."""
    measures = {
        "ece": calibration.compute_calibration_error,
        "nll": calibration.compute_nll,
        "brier": calibration.compute_brier_score,
    }
    return {**{name: compute(*answers) for name, compute in measures.items()}, "n": len(answers.class_indices)}


def describe_abstention(answers: Answers, threshold: float) -> dict[str, Any]:
    """Share of the rows whose confidence is at least `threshold`, and how many of these are right."""
    found = calibration.apply_abstain_threshold(*answers, threshold)
    return {
        "threshold": found.threshold,
        "coverage": describe_share(found.coverage_fraction, len(answers.class_indices)),
        "accuracy": describe_share(
            found.accuracy_fraction, round(found.coverage_fraction * len(answers.class_indices))
        ),
    }
