"""The pictures on a page: what `report.json` does not hold."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from fer_tfx.contract import IMAGE_SIZE_PX, PIXEL_COUNT
from reporting.answered import Cell, LabelledRows, Pictures, Shown

_EXAMPLES_PER_CLASS = 8


@dataclass(frozen=True)
class ClassFaces:
    """What a class looks like in train."""

    mean: Pictures  # (48, 48); black for a class without a row
    examples: list[Pictures]  # (48, 48) each, at most eight


@dataclass(frozen=True)
class Faces:
    """Pictures of the classes in train, and of the eval split."""

    classes: list[ClassFaces]
    mistakes: list[Shown]
    saliency: list[npt.NDArray[np.float64]]  # (k, k) for each of the mistakes: what counted for its answer
    cells: dict[Cell, list[Shown]] = field(default_factory=dict)


def look_at_classes(batches: Iterable[LabelledRows], class_count: int) -> list[ClassFaces]:
    """The mean picture of each class and its first examples, which ingestion has put in the order of a hash."""
    sums, counts = np.zeros((class_count, PIXEL_COUNT)), np.zeros((class_count, 1))
    examples: list[list[Pictures]] = [[] for _ in range(class_count)]
    for batch in batches:
        # One product of matrices adds up each class; float32 holds the sums of 1,024 rows of bytes exactly.
        is_of_class = np.arange(class_count)[:, None] == batch.class_indices
        sums += is_of_class.astype(np.float32) @ batch.pixels.reshape(-1, PIXEL_COUNT).astype(np.float32)
        counts += is_of_class.sum(axis=1, keepdims=True)
        for of_class, found in zip(is_of_class, examples, strict=True):
            missing = _EXAMPLES_PER_CLASS - len(found)
            found += [batch.pixels[at].copy() for at in np.flatnonzero(of_class)[:missing]]
    means = np.asarray((sums / np.maximum(counts, 1)).round(), np.uint8).reshape(-1, IMAGE_SIZE_PX, IMAGE_SIZE_PX)
    return [ClassFaces(*each) for each in zip(means, examples, strict=True)]
