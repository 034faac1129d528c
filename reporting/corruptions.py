"""Eight ways to corrupt pictures, to measure how much of a model's accuracy remains.

Each takes uint8 (n, 48, 48) and returns as many of the same. Only the noise is random.
"""

import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter, zoom

from fer_tfx.contract import IMAGE_SIZE_PX

Pixels = npt.NDArray[np.uint8]

_NOISE = "gaussian_noise_20"
_NOISE_CHUNK = 1024


def corrupt_pixels(name: str, pixels: Pixels, seed: int = 0) -> Pixels:
    """Apply one of `CORRUPTIONS` to uint8 (n, 48, 48); the same seed of the noise gives the same pictures."""
    return CORRUPTIONS[name][1](pixels, np.random.default_rng(seed))


def corrupt_by_content(name: str, pixels: Pixels) -> Pixels:
    """The same, but a picture comes out alike in any batch, which isn't empty: its CRC-32 is the seed of its noise."""
    if name != _NOISE:
        return corrupt_pixels(name, pixels)
    return np.concatenate([corrupt_pixels(name, picture[np.newaxis], zlib.crc32(picture)) for picture in pixels])


def _add_noise(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Gaussian, standard deviation 20 of 255, independent for each pixel."""
    # In parts of bounded size: the noise is float64, eight times the pixels.
    chunks = np.array_split(pixels, range(_NOISE_CHUNK, len(pixels), _NOISE_CHUNK))
    return np.concatenate([_to_pixels(generator.normal(0.0, 20.0, chunk.shape) + chunk) for chunk in chunks])


def _blur(pixels: Pixels, _: np.random.Generator) -> Pixels:
    """The mean of 3 x 3 pixels, twice, the border repeated outwards."""
    grey = pixels.astype(np.float32)
    for _repeat in range(2):
        grey = uniform_filter(grey, (1, 3, 3), mode="nearest")
    return _to_pixels(grey)


def _lower_resolution(pixels: Pixels, _: np.random.Generator) -> Pixels:
    """Down to 24 x 24 by the mean of 2 x 2 pixels and up again, bilinear with pixel centres aligned."""
    half = pixels.shape[1] // 2
    small = pixels.astype(np.float32).reshape(-1, half, 2, half, 2).mean(axis=(2, 4))
    return _to_pixels(zoom(small, (1, 2, 2), order=1, mode="nearest", grid_mode=True))


def _mask(rows: slice, pixels: Pixels, _: np.random.Generator) -> Pixels:
    """These rows black."""
    masked = pixels.copy()
    masked[:, rows] = 0
    return masked


def _to_pixels(grey: npt.NDArray[np.floating[Any]]) -> Pixels:
    return np.asarray(np.clip(np.rint(grey), 0, 255), np.uint8)


CORRUPTIONS: dict[str, tuple[str, Callable[[Pixels, np.random.Generator], Pixels]]] = {
    _NOISE: ("noise, standard deviation 20 of 255", _add_noise),
    "box_blur_twice": ("blur, mean of 3 x 3 pixels, twice", _blur),
    "darker_x0.4": ("darker, values x 0.4", lambda pixels, _: _to_pixels(pixels * np.float32(0.4))),
    "brighter_60": ("brighter, values + 60", lambda pixels, _: _to_pixels(pixels + np.float32(60))),
    "contrast_x0.4": (
        "less contrast, x 0.4",
        lambda pixels, _: _to_pixels((pixels - np.float32(128)) * np.float32(0.4) + np.float32(128)),
    ),
    "down_up_24px": ("low resolution, 24 x 24 pixels", _lower_resolution),
    "eyes_masked": ("brows and eyes black", partial(_mask, slice(12, 22))),  # of FER2013's crops
    "lower_half_masked": ("lower half black", partial(_mask, slice(IMAGE_SIZE_PX // 2, IMAGE_SIZE_PX))),
}
"""By name, in the order in which they are reported: words for people, and the function."""

DESCRIPTIONS = {name: words for name, (words, _) in CORRUPTIONS.items()}
