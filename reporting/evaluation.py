"""A model's answers and the true classes -> the figures of its evaluation."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_tfx.contract import CLASS_COUNT, CLASS_NAMES, IMAGE_SIZE_PX
from reporting.calibration import (
    apply_abstain_threshold,
    compute_bin_sums,
    compute_brier_score,
    compute_nll,
    compute_reliability,
    estimate_calibration_error,
    scale_probabilities,
)
from reporting.classification import (
    Confusion,
    compute_accuracy,
    compute_confusion,
    compute_f1_scores,
    compute_macro_f1,
    compute_precisions,
    compute_recalls,
)
from reporting.corruptions import DESCRIPTIONS
from reporting.coverage import compute_coverage
from reporting.intervals import find_detectable_loss
from reporting.report_data import (
    ClassFigures,
    Comparison,
    CoveragePoint,
    Evaluation,
    Mistake,
    Robustness,
    Share,
    Trust,
)
from reporting.significance import compare_hits
from reporting.slices import choose_rows, compute_slices

Probabilities = npt.NDArray[np.floating[Any]]

MISTAKE_COUNT = 12


@dataclass(frozen=True)
class LabelledRows:
    """Some rows of a split; equal positions belong together."""

    pixels: npt.NDArray[np.uint8]
    """(n, 48, 48)"""
    class_indices: npt.NDArray[np.int64]
    """(n,), 0-6."""
    sources: tuple[str, ...]
    """Files that the rows were read from."""
    positions: npt.NDArray[np.int64]
    """(n,), rows of these files, from 0."""


@dataclass(frozen=True)
class AnsweredRows:
    """What is kept of a split that a model was asked about: numbers of each row, pictures of a few."""

    class_indices: npt.NDArray[np.int64]
    """(n,), 0-6."""
    probabilities: Probabilities
    """(n, 7), the answers, with the temperature in them."""
    looked_at: npt.NDArray[np.int64]
    """(k,), rows that `choose_rows` gives, whose pictures are kept."""
    pixels: npt.NDArray[np.uint8]
    """(k, 48, 48), theirs."""
    mistakes: tuple[Mistake, ...]
    """Most confident first."""
    mistaken: npt.NDArray[np.uint8]
    """(m, 48, 48), in the order of `mistakes`."""


def keep_answers(batches: Iterable[tuple[LabelledRows, Probabilities]], row_count: int) -> AnsweredRows:
    """Go through a split once; memory holds one batch of pictures, and those that are kept.

    Args:
        batches: rows, and the answers to them, float (b, 7).
        row_count: of the whole split, at least 1.
    """
    looked_at = choose_rows(row_count)
    class_indices, answers, pixels, mistakes = [], [], [], _Mistakes()
    start = 0
    for rows, probabilities in batches:
        end = start + len(rows.class_indices)
        first, last = np.searchsorted(looked_at, (start, end))
        pixels.append(rows.pixels[looked_at[first:last] - start])
        class_indices.append(rows.class_indices)
        answers.append(probabilities)
        mistakes.add(rows, probabilities)
        start = end
    return AnsweredRows(
        np.concatenate(class_indices),
        np.concatenate(answers),
        looked_at,
        np.concatenate(pixels),
        tuple(mistake for mistake, _ in mistakes.worst),
        np.array([picture for _, picture in mistakes.worst], np.uint8).reshape(-1, IMAGE_SIZE_PX, IMAGE_SIZE_PX),
    )


def evaluate(rows: AnsweredRows, temperature: float, threshold: float) -> Evaluation:
    """All figures of one model.

    Args:
        rows: at least one, with the answers.
        temperature: that the model divides its logits by.
        threshold: least confidence at which the model should answer.
    """
    true, probabilities = rows.class_indices, rows.probabilities
    said = probabilities.argmax(axis=1)
    confusion = compute_confusion(true, said, CLASS_COUNT)
    abstain = apply_abstain_threshold(probabilities, true, threshold)
    return Evaluation(
        accuracy=Share.of(compute_accuracy(confusion), len(true)),
        macro_f1=compute_macro_f1(confusion),
        classes=_describe_classes(confusion),
        confusion=tuple(tuple(counts) for counts in confusion.tolist()),
        temperature=temperature,
        before=_describe_trust(scale_probabilities(probabilities, 1 / temperature), true, is_fitted=False),
        after=_describe_trust(probabilities, true, is_fitted=True),
        coverage=compute_coverage(probabilities, true),
        abstain=CoveragePoint(threshold, abstain.coverage_fraction, abstain.accuracy_fraction),
        slices=compute_slices(rows.pixels, (said == true)[rows.looked_at]),
        mistakes=rows.mistakes,
    )


def find_mistakes(
    probabilities: Probabilities, class_indices: npt.NDArray[np.int64], count: int = MISTAKE_COUNT
) -> list[int]:
    """Positions of the wrong answers, most confident first, at most `count` of them."""
    confidences = probabilities.max(axis=1)
    (wrong,) = np.nonzero(probabilities.argmax(axis=1) != class_indices)
    return [int(position) for position in wrong[np.argsort(-confidences[wrong], kind="stable")][:count]]


def compare(
    candidate: Probabilities,
    baseline: Probabilities,
    class_indices: npt.NDArray[np.int64],
    baseline_uri: str,
    margin: float,
) -> Comparison:
    """Two models' answers on the same rows, float (n, 7) each, n at least 1. `margin`: the loss that the gate bears."""
    confusion = compute_confusion(class_indices, baseline.argmax(axis=1), CLASS_COUNT)
    test = compare_hits(candidate.argmax(axis=1) == class_indices, baseline.argmax(axis=1) == class_indices)
    return Comparison(
        baseline_uri=baseline_uri,
        accuracy=Share.of(compute_accuracy(confusion), len(class_indices)),
        macro_f1=compute_macro_f1(confusion),
        recalls=tuple(Share.of(*recall) for recall in compute_recalls(confusion)),
        candidate_only=test.first_only,
        baseline_only=test.second_only,
        p_value=test.p_value,
        detectable_loss=find_detectable_loss(
            (test.first_only + test.second_only) / len(class_indices), len(class_indices), margin
        ),
    )


def describe_robustness(accuracies: dict[str, float], clean: Share) -> tuple[Robustness, ...]:
    """What the Evaluator measured on corrupted pictures.

    Args:
        accuracies: by corruption, on the same rows as `clean`.
        clean: the accuracy on pictures as they are.
    """
    return tuple(
        Robustness(
            name, DESCRIPTIONS[name], Share.of(accuracy, clean.count),
            accuracy / clean.fraction if clean.fraction else math.nan,
        )
        for name, accuracy in accuracies.items()
    )  # fmt: skip


def _describe_classes(confusion: Confusion) -> tuple[ClassFigures, ...]:
    figures = zip(
        CLASS_NAMES,
        compute_recalls(confusion),
        compute_precisions(confusion),
        compute_f1_scores(confusion),
        strict=True,
    )
    return tuple(
        ClassFigures(name, Share.of(*recall), Share.of(*precision), f1) for name, recall, precision, f1 in figures
    )


def _describe_trust(probabilities: Probabilities, class_indices: npt.NDArray[np.int64], *, is_fitted: bool) -> Trust:
    sums = compute_bin_sums(probabilities, class_indices)
    ece = estimate_calibration_error(sums, len(class_indices), is_fitted=is_fitted)
    return Trust(
        ece=ece.value,
        ece_interval=ece.interval,
        nll=compute_nll(probabilities, class_indices),
        brier=compute_brier_score(probabilities, class_indices),
        bins=compute_reliability(probabilities, class_indices),
    )


class _Mistakes:
    """The most confident mistakes of the batches so far, each with its picture."""

    def __init__(self) -> None:
        self.worst: list[tuple[Mistake, npt.NDArray[np.uint8]]] = []
        """Most confident first, the earlier row first where two are as confident."""

    def add(self, rows: LabelledRows, probabilities: Probabilities) -> None:
        found = find_mistakes(probabilities, rows.class_indices)
        known = [*self.worst, *((_describe_mistake(rows, probabilities, at), rows.pixels[at].copy()) for at in found)]
        order = np.argsort([-mistake.confidence for mistake, _ in known], kind="stable")
        self.worst = [known[at] for at in order[:MISTAKE_COUNT]]


def _describe_mistake(rows: LabelledRows, probabilities: Probabilities, position: int) -> Mistake:
    return Mistake(
        source=rows.sources[position],
        row=int(rows.positions[position]),
        true_class=CLASS_NAMES[rows.class_indices[position]],
        predicted_class=CLASS_NAMES[int(probabilities[position].argmax())],
        confidence=float(probabilities[position].max()),
    )
