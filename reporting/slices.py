"""Accuracy by qualities of the picture, each cut into three equal parts."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from reporting.report_data import Share, Slice

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.floating[Any]]

_LEVELS = ("lowest third", "middle third", "highest third")


def compute_brightness(pixels: Pixels) -> Floats:
    """Mean grey value, 0-255: uint8 (n, height, width) -> (n,)."""
    return np.asarray(pixels.mean(axis=(1, 2)))


def compute_contrast(pixels: Pixels) -> Floats:
    """Standard deviation of the grey values: uint8 (n, height, width) -> (n,)."""
    return np.asarray(pixels.std(axis=(1, 2)))


def compute_sharpness(pixels: Pixels) -> Floats:
    """Variance of the Laplacian of four neighbours (Pech-Pacheco et al. 2000), borders left out.

    uint8 (n, height, width) -> (n,); a flat picture gives 0.
    """
    grey = pixels.astype(np.float32)
    neighbours = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    return np.asarray((neighbours - 4 * grey[:, 1:-1, 1:-1]).var(axis=(1, 2)))


QUALITIES: dict[str, Callable[[Pixels], Floats]] = {
    "brightness": compute_brightness,
    "contrast": compute_contrast,
    "sharpness": compute_sharpness,
}


def choose_rows(row_count: int, most: int = 4000) -> npt.NDArray[np.int64]:
    """About as many of `row_count` rows as `compute_slices` should look at, evenly spread: int64 (k,), ascending."""
    return np.unique(np.linspace(0, row_count - 1, min(most, row_count)).round().astype(np.int64))


def compute_slices(pixels: Pixels, is_right: npt.NDArray[np.bool_]) -> tuple[Slice, ...]:
    """Accuracy in the lowest, middle and highest third of each quality.

    Args:
        pixels: uint8 (n, height, width), n at least 3.
        is_right: bool (n,), whether each was answered rightly.
    """
    return tuple(each for quality, compute in QUALITIES.items() for each in _cut(quality, compute(pixels), is_right))


def _cut(quality: str, values: Floats, is_right: npt.NDArray[np.bool_]) -> list[Slice]:
    thirds = np.array_split(np.argsort(values, kind="stable"), len(_LEVELS))
    return [
        Slice(
            quality, level, float(values[rows[0]]), float(values[rows[-1]]),
            Share.of(float(is_right[rows].mean()), len(rows)),
        )
        for level, rows in zip(_LEVELS, thirds, strict=True)
        if len(rows)
    ]  # fmt: skip
