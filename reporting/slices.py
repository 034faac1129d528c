"""Accuracy by qualities of the picture, each cut into three equal parts. `pixels` is uint8 (n, height, width)."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from reporting.intervals import Share
from reporting.report_data import Slice

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.floating[Any]]

_LEVELS = ("lowest third", "middle third", "highest third")


def compute_brightness(pixels: Pixels) -> Floats:
    """Mean grey value, 0-255: (n,)."""
    return np.asarray(pixels.mean(axis=(1, 2)))


def compute_contrast(pixels: Pixels) -> Floats:
    """Standard deviation of the grey values: (n,)."""
    return np.asarray(pixels.std(axis=(1, 2)))


def compute_sharpness(pixels: Pixels) -> Floats:
    """Variance of the Laplacian of four neighbours (Pech-Pacheco et al. 2000) without borders: (n,); 0 if flat."""
    grey = pixels.astype(np.float32)
    neighbours = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    return np.asarray((neighbours - 4 * grey[:, 1:-1, 1:-1]).var(axis=(1, 2)))


QUALITIES: dict[str, Callable[[Pixels], Floats]] = {
    "brightness": compute_brightness,
    "contrast": compute_contrast,
    "sharpness": compute_sharpness,
}


def choose_rows(row_count: int, most: int = 4000) -> npt.NDArray[np.int64]:
    """About `most` of `row_count` rows for `compute_slices` to look at, evenly spread: int64 (k,), ascending."""
    return np.unique(np.linspace(0, row_count - 1, min(most, row_count)).round().astype(np.int64))


def compute_slices(pixels: Pixels, is_right: npt.NDArray[np.bool_]) -> tuple[Slice, ...]:
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
