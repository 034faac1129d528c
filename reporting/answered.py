"""One walk through a split that a model was asked about: numbers of every row, pictures of a few."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reporting.report_data import Answer
from reporting.row_answers import RowAnswers, compute_digests

Floats = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.int64]
Pictures = npt.NDArray[np.uint8]
Cell = tuple[int, int]
"""Of the confusion matrix: indices of the true and the predicted class."""

_MISTAKE_COUNT = 12
_KEPT_PER_CELL = _MISTAKE_COUNT  # so that the worst mistakes are among them
_RANKED = 3


@dataclass(frozen=True)
class LabelledRows:
    """n rows of a split: pictures (n, 48, 48), true classes (n,), and the file and row that each was read from."""

    pixels: Pictures
    class_indices: Integers
    sources: tuple[str, ...]
    positions: Integers


class Shown(NamedTuple):
    """An answer with its picture, (48, 48), and its position in the split."""

    answer: Answer
    pixels: Pictures
    position: int


@dataclass(frozen=True)
class AnsweredRows:
    """What is kept of a split."""

    class_indices: Integers  # (n,)
    probabilities: Floats  # (n, classes), the answers, with the temperature in them
    digests: npt.NDArray[np.uint64]  # (n,), of the pictures
    looked_at: Integers  # (k,), rows from `choose_rows`, whose `pixels` (k, 48, 48) are kept
    pixels: Pictures
    cells: dict[Cell, list[Shown]]  # at most 12 of each, most confident first

    @property
    def mistakes(self) -> list[Shown]:
        """The 12 most confident wrong answers, most confident first."""
        wrong = [each for (true, said), shown in self.cells.items() if true != said for each in shown]
        return sorted(wrong, key=_by_confidence)[:_MISTAKE_COUNT]

    def to_row_answers(self, class_names: Sequence[str]) -> RowAnswers:
        predicted, confidences = self.probabilities.argmax(axis=1), self.probabilities.max(axis=1)
        return RowAnswers(tuple(class_names), self.digests, self.class_indices, predicted, confidences)


def keep_answers(
    batches: Iterable[tuple[LabelledRows, Floats]], row_count: int, class_names: Sequence[str]
) -> AnsweredRows:
    """Go once through a split of `row_count` rows, at least 1; memory holds one batch of pictures and the kept ones."""
    looked_at = choose_rows(row_count)
    class_indices, answers, digests, pixels = [], [], [], []
    cells: dict[Cell, list[Shown]] = {}
    start = 0
    for rows, probabilities in batches:
        end = start + len(rows.class_indices)
        first, last = np.searchsorted(looked_at, (start, end))
        pixels.append(rows.pixels[looked_at[first:last] - start])
        class_indices.append(rows.class_indices)
        answers.append(probabilities)
        digests.append(compute_digests(rows.pixels))
        _keep_best(cells, rows, probabilities, start, class_names)
        start = end
    return AnsweredRows(
        np.concatenate(class_indices),
        np.concatenate(answers),
        np.concatenate(digests),
        looked_at,
        np.concatenate(pixels),
        cells,
    )


def _keep_best(
    cells: dict[Cell, list[Shown]], rows: LabelledRows, probabilities: Floats, start: int, class_names: Sequence[str]
) -> None:
    """Leave the most confident answers in each cell; of equal ones the earlier row comes first."""
    taken: Counter[Cell] = Counter()
    for at in np.argsort(-probabilities.max(axis=1), kind="stable").tolist():
        answer = probabilities[at]
        cell = int(rows.class_indices[at]), int(answer.argmax())
        taken[cell] += 1
        if taken[cell] <= _KEPT_PER_CELL:
            ranking = tuple((class_names[each], float(answer[each])) for each in np.argsort(-answer)[:_RANKED])
            names = class_names[cell[0]], class_names[cell[1]]
            said = Answer(rows.sources[at], int(rows.positions[at]), *names, float(answer.max()), ranking)
            cells.setdefault(cell, []).append(Shown(said, rows.pixels[at].copy(), start + at))
    for cell in taken:
        cells[cell] = sorted(cells[cell], key=_by_confidence)[:_KEPT_PER_CELL]


def _by_confidence(shown: Shown) -> tuple[bool, float, int]:
    confidence = shown.answer.confidence
    return math.isnan(confidence), -confidence, shown.position


def choose_rows(row_count: int, most: int = 4000) -> Integers:
    """About `most` of `row_count` rows to look at more closely, evenly spread: int64 (k,), ascending."""
    return np.unique(np.linspace(0, row_count - 1, min(most, row_count)).round().astype(np.int64))
