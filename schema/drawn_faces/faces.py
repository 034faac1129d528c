"""Count and seed -> drawn faces of all classes, under varied light and with noise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fer_tfx.contract import CLASS_COUNT, IMAGE_SIZE_PX
from schema.drawn_faces.drawing import draw_face
from schema.drawn_faces.traits import sample_cover, sample_expression, sample_person, sample_view

# Uneven as in FER2013, in the order of CLASS_NAMES; disgust is kept large enough to be learnt from few rows.
CLASS_SHARES = (0.14, 0.06, 0.14, 0.22, 0.16, 0.12, 0.16)


@dataclass(frozen=True)
class DrawnFaces:
    """Pictures and the classes that they were drawn as."""

    pixels: NDArray[np.uint8]
    """(count, 48, 48)"""
    class_indices: NDArray[np.int64]
    """(count,), each from 0 to 6"""


def draw_faces(count: int, seed: int) -> DrawnFaces:
    """Draw `count` faces, shared out among the classes by CLASS_SHARES; the same seed gives the same bytes."""
    if count < 0:
        raise ValueError(f"count: expected 0 or more faces to draw, got {count}")
    rng = np.random.default_rng(seed)
    class_indices = _share_out(count, rng)
    pixels = np.empty((count, IMAGE_SIZE_PX, IMAGE_SIZE_PX), np.uint8)
    for position, class_index in enumerate(class_indices):
        expression = sample_expression(int(class_index), rng)
        pixels[position] = draw_face(expression, sample_person(rng), sample_view(rng), sample_cover(rng))
    return DrawnFaces(_light(pixels, rng), class_indices)


def _share_out(count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Class indices (count,) in random order; each class gets its share, to within one."""
    bounds = np.rint(np.cumsum((0.0, *CLASS_SHARES)) * count).astype(np.int64)
    return rng.permutation(np.repeat(np.arange(CLASS_COUNT, dtype=np.int64), np.diff(bounds)))


def _light(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Let light fall from one side, change contrast and level, add noise; (count, 48, 48) -> the same."""
    count = len(pixels)

    def sample(low: float, high: float) -> NDArray[np.float32]:
        return rng.uniform(low, high, (count, 1, 1)).astype(np.float32)

    ramp = np.linspace(-1, 1, IMAGE_SIZE_PX, dtype=np.float32)
    angle, slope = sample(0, 2 * np.pi), sample(0, 0.45)
    shade = 1 + slope * (np.cos(angle) * ramp[None, None, :] + np.sin(angle) * ramp[None, :, None])
    contrast, level = sample(0.7, 1.1), sample(-30, 30)
    lit = np.asarray(128 + (pixels * shade - 128) * contrast + level, np.float32)
    lit += rng.standard_normal(pixels.shape, dtype=np.float32) * sample(2, 10)
    rounded: NDArray[np.uint8] = np.clip(np.rint(lit), 0, 255).astype(np.uint8)
    return rounded
