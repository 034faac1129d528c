"""Where a model looks: how much of an answer's probability is lost when a part of the picture is covered."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_tfx.contract import IMAGE_SIZE_PX

Pictures = npt.NDArray[np.uint8]
_PATCH_PX, _STRIDE_PX = 12, 6


def compute_occlusion(
    pixels: Pictures, class_index: int, answer: Callable[[Pictures], npt.NDArray[np.floating[Any]]]
) -> npt.NDArray[np.float64]:
    """Occlusion sensitivity (Zeiler and Fergus 2014, arXiv:1311.2901, section 4.2) of one answer: float64 (9, 9).

    A square of 12 pixels in the picture's mean grey covers one place after another, 6 pixels apart and beyond the
    borders. Each value is the probability of the class that is lost there, at least 0. `pixels` is uint8 (48, 48);
    `answer` gives the probabilities (n, classes) of uint8 (n, 48, 48).
    """
    centres = range(0, IMAGE_SIZE_PX + 1, _STRIDE_PX)
    covered = np.repeat(pixels[np.newaxis], len(centres) ** 2, axis=0)
    half, grey = _PATCH_PX // 2, np.uint8(round(float(pixels.mean())))
    for picture, (row, column) in zip(covered, np.ndindex(len(centres), len(centres)), strict=True):
        top, left = centres[row], centres[column]
        picture[max(0, top - half) : top + half, max(0, left - half) : left + half] = grey
    probabilities = answer(np.concatenate([pixels[np.newaxis], covered]))[:, class_index].astype(np.float64)
    lost = np.maximum(probabilities[0] - probabilities[1:], 0)
    return np.asarray(lost).reshape(len(centres), len(centres))
