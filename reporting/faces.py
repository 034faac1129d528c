"""Pictures of a report: what a class looks like on average, and what was mistaken."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fer_tfx.contract import CLASS_COUNT, IMAGE_SIZE_PX, PIXEL_COUNT
from reporting.evaluation import LabelledRows


@dataclass(frozen=True)
class Faces:
    """What the page shows and `report.json` does not hold."""

    means: npt.NDArray[np.uint8]
    """(7, 48, 48), the mean face of each class in train; black for a class without a row."""
    mistakes: npt.NDArray[np.uint8]
    """(n, 48, 48), in the order of `Evaluation.mistakes`."""


def compute_mean_faces(batches: Iterable[LabelledRows]) -> npt.NDArray[np.uint8]:
    """The mean picture of each class, uint8 (7, 48, 48); zeros for a class without a row."""
    sums, counts = np.zeros((CLASS_COUNT, PIXEL_COUNT)), np.zeros((CLASS_COUNT, 1))
    for batch in batches:
        # One product of matrices adds up each class; float32 holds the sums of 1,024 rows of bytes exactly.
        is_of_class = (np.arange(CLASS_COUNT)[:, None] == batch.class_indices).astype(np.float32)
        sums += is_of_class @ batch.pixels.reshape(-1, PIXEL_COUNT).astype(np.float32)
        counts += is_of_class.sum(axis=1, keepdims=True)
    means = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)
    return means.round().astype(np.uint8).reshape(CLASS_COUNT, IMAGE_SIZE_PX, IMAGE_SIZE_PX)
