"""Eight ways in which pictures get worse, for measuring what is left of a model's accuracy.

Each takes uint8 (n, 48, 48) and returns as many of the same. Only the noise is random. Mean accuracy over all of them
is the complement of the mean corruption error of Hendrycks & Dietterich 2019, at one severity and not set against
another model.
"""

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_tfx.contract import IMAGE_SIZE_PX

Pixels = npt.NDArray[np.uint8]
Grey = npt.NDArray[np.float32]

_NOISE = "gaussian_noise_20"
_NOISE_SIGMA = 20.0
_BLUR_COUNT = 2
_DARKENING = 0.4
_BRIGHTENING = 60.0
_CONTRAST = 0.4
_MID_GREY = 128.0
_EYE_ROWS = slice(12, 22)  # brows and eyes of FER2013's crops
_LOWER_ROWS = slice(IMAGE_SIZE_PX // 2, IMAGE_SIZE_PX)
_NOISE_CHUNK = 1024


def corrupt_pixels(name: str, pixels: Pixels, seed: int = 0) -> Pixels:
    """Apply the corruption `name`, one of `CORRUPTIONS`; the same seed gives the same pictures.

    Args:
        name: a key of `CORRUPTIONS`.
        pixels: uint8 (n, 48, 48).
        seed: of the noise.
    """
    return CORRUPTIONS[name](pixels, np.random.default_rng(seed))


def corrupt_by_content(name: str, pixels: Pixels) -> Pixels:
    """Apply the corruption `name` so that a picture always comes out alike, whichever others stand beside it.

    The seed of a picture's noise is the CRC-32 of its pixels.

    Args:
        name: a key of `CORRUPTIONS`.
        pixels: uint8 (n, 48, 48), n at least 1.
    """
    if name != _NOISE:
        return corrupt_pixels(name, pixels)
    return np.concatenate([corrupt_pixels(name, picture[np.newaxis], zlib.crc32(picture)) for picture in pixels])


def _add_noise(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Gaussian, standard deviation 20 of 255, independent for each pixel."""
    noise = (generator.normal(0.0, _NOISE_SIGMA, chunk.shape) + chunk for chunk in _split(pixels))
    return np.concatenate([_to_pixels(chunk) for chunk in noise])


def _blur(pixels: Pixels, _: np.random.Generator) -> Pixels:
    """The mean of 3 x 3 pixels, twice, the border repeated outwards."""
    grey = pixels.astype(np.float32)
    for _repeat in range(_BLUR_COUNT):
        grey = _average_neighbours(grey)
    return _to_pixels(grey)


def _average_neighbours(grey: Grey) -> Grey:
    size = grey.shape[1]
    padded = np.pad(grey, ((0, 0), (1, 1), (1, 1)), mode="edge")
    shifts = [(row, column) for row in range(3) for column in range(3)]
    total = sum(padded[:, row : row + size, column : column + size] for row, column in shifts)
    return np.asarray(total / np.float32(len(shifts)))


def _darken(pixels: Pixels, _: np.random.Generator) -> Pixels:
    """All values x 0.4."""
    return _to_pixels(pixels * np.float32(_DARKENING))


def _brighten(pixels: Pixels, _: np.random.Generator) -> Pixels:
    """All values + 60, cut off at 255."""
    return _to_pixels(pixels + np.float32(_BRIGHTENING))


def _lower_contrast(pixels: Pixels, _: np.random.Generator) -> Pixels:
    """Distances from 128 x 0.4."""
    return _to_pixels((pixels - np.float32(_MID_GREY)) * np.float32(_CONTRAST) + np.float32(_MID_GREY))


def _lower_resolution(pixels: Pixels, _: np.random.Generator) -> Pixels:
    """Down to 24 x 24 by the mean of 2 x 2 pixels and up again, bilinear with pixel centres aligned."""
    half = pixels.shape[1] // 2
    small = pixels.astype(np.float32).reshape(-1, half, 2, half, 2).mean(axis=(2, 4))
    return _to_pixels(_double(_double(small, axis=1), axis=2))


def _double(grey: Grey, axis: int) -> Grey:
    """Twice the size along an axis: each new pixel is 3/4 of its old one and 1/4 of that one's neighbour."""
    size = grey.shape[axis]
    before = np.take(grey, np.maximum(np.arange(size) - 1, 0), axis)
    after = np.take(grey, np.minimum(np.arange(size) + 1, size - 1), axis)
    pairs = np.stack([0.75 * grey + 0.25 * before, 0.75 * grey + 0.25 * after], axis + 1)
    return pairs.reshape(*grey.shape[:axis], 2 * size, *grey.shape[axis + 1 :])


def _mask_eyes(pixels: Pixels, _: np.random.Generator) -> Pixels:
    """Rows 12 to 21 black."""
    return _mask(pixels, _EYE_ROWS)


def _mask_lower_half(pixels: Pixels, _: np.random.Generator) -> Pixels:
    """Rows 24 to 47 black."""
    return _mask(pixels, _LOWER_ROWS)


def _mask(pixels: Pixels, rows: slice) -> Pixels:
    masked = pixels.copy()
    masked[:, rows] = 0
    return masked


def _split(pixels: Pixels) -> list[Pixels]:
    """Parts of bounded size: noise is float64, eight times the pixels."""
    return np.array_split(pixels, range(_NOISE_CHUNK, len(pixels), _NOISE_CHUNK))


def _to_pixels(grey: npt.NDArray[np.floating[Any]]) -> Pixels:
    return np.asarray(np.clip(np.rint(grey), 0, 255), np.uint8)


CORRUPTIONS: dict[str, Callable[[Pixels, np.random.Generator], Pixels]] = {
    _NOISE: _add_noise,
    "box_blur_twice": _blur,
    "darker_x0.4": _darken,
    "brighter_60": _brighten,
    "contrast_x0.4": _lower_contrast,
    "down_up_24px": _lower_resolution,
    "eyes_masked": _mask_eyes,
    "lower_half_masked": _mask_lower_half,
}
"""By name, in the order in which they are reported."""

DESCRIPTIONS = {
    "gaussian_noise_20": "noise, standard deviation 20 of 255",
    "box_blur_twice": "blur, mean of 3 x 3 pixels, twice",
    "darker_x0.4": "darker, values x 0.4",
    "brighter_60": "brighter, values + 60",
    "contrast_x0.4": "less contrast, x 0.4",
    "down_up_24px": "low resolution, 24 x 24 pixels",
    "eyes_masked": "brows and eyes black",
    "lower_half_masked": "lower half black",
}
"""For people, by name."""
