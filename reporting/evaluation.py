"""A model's answers and the true classes -> the figures of its evaluation."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from reporting import calibration, classification
from reporting.answered import AnsweredRows, Floats, Integers, Pictures
from reporting.corruptions import DESCRIPTIONS
from reporting.intervals import Share, find_detectable_loss
from reporting.report_data import ClassFigures, Comparison, Evaluation, Robustness, Slice, Trust

_LEVELS = ("lowest third", "middle third", "highest third")


def evaluate(rows: AnsweredRows, temperature: float, threshold: float, class_names: Sequence[str]) -> Evaluation:
    """All figures of one model, which has this temperature and answers from this confidence on.

    Accuracy and macro F1 are NaN if one answer is not finite, as the Evaluator has them.
    """
    true, probabilities = rows.class_indices, rows.probabilities
    of_no_answer = 0.0 if np.isfinite(probabilities).all() else math.nan
    predicted = probabilities.argmax(axis=1)
    confusion = classification.compute_confusion(true, predicted, len(class_names))
    return Evaluation(
        accuracy=Share.of(classification.compute_accuracy(confusion) + of_no_answer, len(true)),
        macro_f1=classification.compute_macro_f1(confusion) + of_no_answer,
        classes=describe_classes(confusion, class_names),
        confusion=tuple(tuple(counts) for counts in confusion.tolist()),
        temperature=temperature,
        before=_describe_trust(calibration.scale_probabilities(probabilities, 1 / temperature), true, is_fitted=False),
        after=_describe_trust(probabilities, true, is_fitted=True),
        coverage=calibration.compute_coverage(probabilities, true),
        abstain=calibration.apply_abstain_threshold(probabilities, true, threshold),
        slices=compute_slices(rows.pixels, (predicted == true)[rows.looked_at]),
        mistakes=tuple(each.answer for each in rows.mistakes),
    )


def describe_classes(confusion: classification.Confusion, class_names: Sequence[str]) -> tuple[ClassFigures, ...]:
    """Recall, precision and F1 of each class, in class order."""
    recalls, precisions = (classification.compute_recalls(each) for each in (confusion, confusion.T))
    figures = zip(class_names, recalls, precisions, classification.compute_f1_scores(confusion), strict=True)
    return tuple(ClassFigures(*each) for each in figures)


def _describe_trust(probabilities: Floats, class_indices: Integers, *, is_fitted: bool) -> Trust:
    sums = calibration.compute_bin_sums(probabilities, class_indices)
    return Trust(
        *calibration.estimate_calibration_error(sums, len(class_indices), is_fitted=is_fitted),
        nll=calibration.compute_nll(probabilities, class_indices),
        brier=calibration.compute_brier_score(probabilities, class_indices),
        bins=calibration.compute_reliability(probabilities, class_indices),
    )


def compute_slices(pixels: Pictures, is_right: npt.NDArray[np.bool_]) -> tuple[Slice, ...]:
    """Accuracy in the lowest, middle and highest third of each quality; is_right: bool (n,), one for each answer."""
    slices = []
    for quality, compute in QUALITIES.items():
        values = compute(pixels)
        thirds = np.array_split(np.argsort(values, kind="stable"), len(_LEVELS))
        for level, rows in zip(_LEVELS, thirds, strict=True):
            if len(rows):
                accuracy = Share.of(float(is_right[rows].mean()), len(rows))
                slices.append(Slice(quality, level, float(values[rows[0]]), float(values[rows[-1]]), accuracy))
    return tuple(slices)


def _compute_sharpness(pixels: Pictures) -> Floats:
    """Variance of the Laplacian of four neighbours (Pech-Pacheco et al. 2000) without borders; 0 if flat."""
    grey = pixels.astype(np.float32)
    neighbours = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    return np.asarray((neighbours - 4 * grey[:, 1:-1, 1:-1]).var(axis=(1, 2)))


QUALITIES: dict[str, Callable[[Pictures], Floats]] = {
    "brightness": lambda pixels: pixels.mean(axis=(1, 2)),
    "contrast": lambda pixels: pixels.std(axis=(1, 2)),
    "sharpness": _compute_sharpness,
}
"""By name: uint8 (n, 48, 48) -> (n,); brightness and contrast are mean and standard deviation of the grey values."""


def compare(
    candidate: Floats, baseline: Floats, class_indices: Integers, baseline_uri: str, margin: float
) -> Comparison:
    """Two models' answers on the same n rows, at least 1: float (n, classes); margin: the loss that the gate allows."""
    count = len(class_indices)
    confusion = classification.compute_confusion(class_indices, baseline.argmax(axis=1), baseline.shape[1])
    test = classification.compare_hits(*(each.argmax(axis=1) == class_indices for each in (candidate, baseline)))
    return Comparison(
        baseline_uri=baseline_uri,
        accuracy=Share.of(classification.compute_accuracy(confusion), count),
        macro_f1=classification.compute_macro_f1(confusion),
        recalls=classification.compute_recalls(confusion),
        candidate_only=test.first_only,
        baseline_only=test.second_only,
        p_value=test.p_value,
        detectable_loss=find_detectable_loss((test.first_only + test.second_only) / count, count, margin),
    )


def describe_robustness(accuracies: dict[str, float], clean: Share) -> tuple[Robustness, ...]:
    """Accuracies by corruption beside `clean`, the accuracy on the same pictures unchanged."""
    base = clean.fraction or math.nan
    return tuple(
        Robustness(name, DESCRIPTIONS[name], Share.of(accuracy, clean.count), accuracy / base)
        for name, accuracy in accuracies.items()
    )
