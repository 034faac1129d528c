"""A model's answers and the true classes -> the figures of its evaluation, and the pictures that go with them."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_tfx.contract import IMAGE_SIZE_PX, PIXEL_COUNT
from reporting import calibration, classification
from reporting.corruptions import DESCRIPTIONS
from reporting.intervals import Share, find_detectable_loss
from reporting.report_data import ClassFigures, Comparison, Evaluation, Mistake, Robustness, Slice, Trust

Floats = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.int64]
Pictures = npt.NDArray[np.uint8]

_MISTAKE_COUNT = 12
_LEVELS = ("lowest third", "middle third", "highest third")


@dataclass(frozen=True)
class LabelledRows:
    """n rows of a split: pictures (n, 48, 48), true classes (n,), and the file and row that each was read from."""

    pixels: Pictures
    class_indices: Integers
    sources: tuple[str, ...]
    positions: Integers


@dataclass(frozen=True)
class AnsweredRows:
    """What is kept of a split that a model was asked about: numbers of each row, pictures of a few."""

    class_indices: Integers  # (n,)
    probabilities: Floats  # (n, classes), the answers, with the temperature in them
    looked_at: Integers  # (k,), rows from `choose_rows`, whose `pixels` (k, 48, 48) are kept
    pixels: Pictures
    mistakes: tuple[Mistake, ...]  # most confident first
    mistaken: Pictures  # (m, 48, 48), in the order of `mistakes`


@dataclass(frozen=True)
class Faces:
    """What the page shows and `report.json` does not hold."""

    means: Pictures  # (classes, 48, 48), the mean face of each class in train; black for a class without a row
    mistakes: Pictures  # (n, 48, 48), in the order of `Evaluation.mistakes`


def compute_mean_faces(batches: Iterable[LabelledRows], class_count: int) -> Pictures:
    """The mean picture of each class, uint8 (classes, 48, 48); zeros for a class without a row."""
    sums, counts = np.zeros((class_count, PIXEL_COUNT)), np.zeros((class_count, 1))
    for batch in batches:
        # One product of matrices adds up each class; float32 holds the sums of 1,024 rows of bytes exactly.
        is_of_class = (np.arange(class_count)[:, None] == batch.class_indices).astype(np.float32)
        sums += is_of_class @ batch.pixels.reshape(-1, PIXEL_COUNT).astype(np.float32)
        counts += is_of_class.sum(axis=1, keepdims=True)
    means = sums / np.maximum(counts, 1)
    return np.asarray(means.round(), np.uint8).reshape(class_count, IMAGE_SIZE_PX, IMAGE_SIZE_PX)


def keep_answers(
    batches: Iterable[tuple[LabelledRows, Floats]], row_count: int, class_names: Sequence[str]
) -> AnsweredRows:
    """Go once through a split of `row_count` rows, at least 1; memory holds one batch of pictures and the kept ones."""
    looked_at = choose_rows(row_count)
    class_indices, answers, pixels = [], [], []
    worst: list[tuple[Mistake, Pictures]] = []
    start = 0
    for rows, probabilities in batches:
        end = start + len(rows.class_indices)
        first, last = np.searchsorted(looked_at, (start, end))
        pixels.append(rows.pixels[looked_at[first:last] - start])
        class_indices.append(rows.class_indices)
        answers.append(probabilities)
        for at in find_mistakes(probabilities, rows.class_indices):
            answer = probabilities[at]
            names = class_names[rows.class_indices[at]], class_names[answer.argmax()]
            mistake = Mistake(rows.sources[at], int(rows.positions[at]), *names, float(answer.max()))
            worst.append((mistake, rows.pixels[at].copy()))
        # The earlier row comes first where two are as confident.
        order = np.argsort([-mistake.confidence for mistake, _ in worst], kind="stable")
        worst = [worst[at] for at in order[:_MISTAKE_COUNT]]
        start = end
    return AnsweredRows(
        np.concatenate(class_indices),
        np.concatenate(answers),
        looked_at,
        np.concatenate(pixels),
        tuple(mistake for mistake, _ in worst),
        np.array([picture for _, picture in worst], np.uint8).reshape(-1, IMAGE_SIZE_PX, IMAGE_SIZE_PX),
    )


def find_mistakes(probabilities: Floats, class_indices: Integers, count: int = _MISTAKE_COUNT) -> list[int]:
    """Positions of the wrong answers, most confident first, at most `count` of them."""
    confidences = probabilities.max(axis=1)
    (wrong,) = np.nonzero(probabilities.argmax(axis=1) != class_indices)
    return [int(position) for position in wrong[np.argsort(-confidences[wrong], kind="stable")][:count]]


def evaluate(rows: AnsweredRows, temperature: float, threshold: float, class_names: Sequence[str]) -> Evaluation:
    """All figures of one model, which has this temperature and answers from this confidence on."""
    true, probabilities = rows.class_indices, rows.probabilities
    predicted = probabilities.argmax(axis=1)
    confusion = classification.compute_confusion(true, predicted, len(class_names))
    return Evaluation(
        accuracy=Share.of(classification.compute_accuracy(confusion), len(true)),
        macro_f1=classification.compute_macro_f1(confusion),
        classes=describe_classes(confusion, class_names),
        confusion=tuple(tuple(counts) for counts in confusion.tolist()),
        temperature=temperature,
        before=_describe_trust(calibration.scale_probabilities(probabilities, 1 / temperature), true, is_fitted=False),
        after=_describe_trust(probabilities, true, is_fitted=True),
        coverage=calibration.compute_coverage(probabilities, true),
        abstain=calibration.apply_abstain_threshold(probabilities, true, threshold),
        slices=compute_slices(rows.pixels, (predicted == true)[rows.looked_at]),
        mistakes=rows.mistakes,
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


def choose_rows(row_count: int, most: int = 4000) -> Integers:
    """About `most` of `row_count` rows for `compute_slices` to look at, evenly spread: int64 (k,), ascending."""
    return np.unique(np.linspace(0, row_count - 1, min(most, row_count)).round().astype(np.int64))


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
