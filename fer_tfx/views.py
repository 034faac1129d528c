"""Views of a picture whose answers can be averaged: as it is, its mirror image, and both enlarged."""

import numpy as np
import numpy.typing as npt

from fer_tfx.contract import IMAGE_SIZE_PX

Pixels = npt.NDArray[np.uint8]

VIEW_COUNTS = (1, 2, 4)
"""The picture; with its mirror image; both also enlarged by 1.1 about the centre."""

_CENTRE_PX = (IMAGE_SIZE_PX - 1) / 2
_PLACES_PX = (np.arange(IMAGE_SIZE_PX) - _CENTRE_PX) / 1.1 + _CENTRE_PX
ZOOM_PX = _PLACES_PX.astype(np.int32)
"""Along either axis, an enlarged picture's pixel lies between this pixel and the next: int32 (48,)."""
ZOOM_SHARES = (np.rint((_PLACES_PX - ZOOM_PX) * 256) / 256).astype(np.float32)
"""The next pixel's share of it, float32 (48,): multiples of 1/256, as float32 then holds every sum exactly. So any
library on any device makes the same bytes."""


def make_views(pixels: Pixels, count: int) -> Pixels:
    """uint8 (n, 48, 48, 1) -> (count * n, 48, 48, 1): all as they are, then mirrored, enlarged, and both."""
    views = [pixels]
    if count > 1:
        views += [pixels[:, :, ::-1]]
    if count > 2:
        enlarged = _enlarge(pixels)
        views += [enlarged, enlarged[:, :, ::-1]]
    return np.concatenate(views)


def _enlarge(pixels: Pixels) -> Pixels:
    shares = ZOOM_SHARES[:, np.newaxis]
    rows = pixels[:, ZOOM_PX] * (1 - shares[:, np.newaxis]) + pixels[:, ZOOM_PX + 1] * shares[:, np.newaxis]
    columns = rows[:, :, ZOOM_PX] * (1 - shares) + rows[:, :, ZOOM_PX + 1] * shares
    return np.asarray(np.rint(columns), np.uint8)


def average_views(
    probabilities: npt.NDArray[np.float32], own_temperature: float, temperature: float
) -> npt.NDArray[np.float32]:
    """Probabilities (views, n, classes) of single views, softmax(logits / own_temperature), -> those of their mean
    logits, softmax(mean / temperature), (n, classes)."""
    logs = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny)).mean(axis=0)
    logits = logs * np.float32(own_temperature / temperature)
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)
