"""BlazeFace by LiteRT: the faces in an array of pixels, decoded as MediaPipe decodes them.

Anchors, decoding and weighted suppression are those of MediaPipe's face_detection_short_range.pbtxt, in its folder
modules/face_detection, and of the calculators named there: two anchors a cell of 8 px and six a cell of 16 px, all of
one size, so that only their centres matter; 16 numbers an anchor, namely centre and size of the box and six landmarks,
in px from the anchor; weighted suppression from an overlap of 0.3 on. All layers are convolutions, so a picture of any
size is searched at once.
V. Bazarevsky and others: BlazeFace, 2019, https://arxiv.org/abs/1907.05047
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float32]
"""(8, 2): x and y of the box's upper left and lower right corner, then of the six landmarks."""

TRAINED_SIDE_PX = 128
_GRIDS = ((8, 2), (16, 6))
"""Stride in px, and anchors a cell."""
LARGEST_STRIDE_PX = _GRIDS[-1][0]
_OVERLAP = 0.3
_LARGEST_LOGIT = 80.0  # whose exponential float32 still holds


class Detection(NamedTuple):
    """A face in px of the pixels that were searched. Landmarks: right eye, left eye, nose, mouth, right ear, left ear;
    right and left are the person's."""

    points: Points
    score: float  # 0 to 1


class BlazeFace:
    """Its model for short range, of a file that has been checked. Not thread-safe."""

    def __init__(self, path: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter: Any = Interpreter(model_path=str(path), num_threads=1)
        self._input = self._interpreter.get_input_details()[0]["index"]
        outputs = {each["shape"][-1]: each["index"] for each in self._interpreter.get_output_details()}
        self._regression, self._logits = outputs[16], outputs[1]
        self._anchors = np.empty((0, 2), np.float32)
        self._shape: tuple[int, ...] = ()

    def find(self, pixels: npt.NDArray[np.uint8], threshold: float) -> list[Detection]:
        """The faces in uint8 (height, width, 3), best first; each side is a multiple of LARGEST_STRIDE_PX."""
        if pixels.shape != self._shape:
            self._interpreter.resize_tensor_input(self._input, (1, *pixels.shape))
            self._interpreter.allocate_tensors()
            self._shape, self._anchors = pixels.shape, make_anchors(pixels.shape[0], pixels.shape[1])
        scaled = np.multiply(pixels[np.newaxis], np.float32(1 / 127.5), dtype=np.float32)
        self._interpreter.set_tensor(self._input, np.subtract(scaled, 1, out=scaled))
        self._interpreter.invoke()
        logits = self._interpreter.get_tensor(self._logits)[0, :, 0]
        scores = 1 / (1 + np.exp(-np.clip(logits, -_LARGEST_LOGIT, _LARGEST_LOGIT)))
        kept = np.flatnonzero(scores >= threshold)
        regression = self._interpreter.get_tensor(self._regression)[0][kept]
        return merge(decode(regression, self._anchors[kept]), scores[kept])


def make_anchors(height: int, width: int) -> npt.NDArray[np.float32]:
    """Centres (n, 2) in px, x first: of every cell of each grid, row by row."""
    layers: list[npt.NDArray[np.float32]] = []
    for stride, count in _GRIDS:
        x, y = np.meshgrid(*((np.arange(side // stride, dtype=np.float32) + 0.5) * stride for side in (width, height)))
        layers.append(np.repeat(np.stack([x, y], axis=-1).reshape(-1, 2), count, axis=0))
    return np.concatenate(layers)


def decode(regression: npt.NDArray[np.float32], anchors: npt.NDArray[np.float32]) -> Points:
    """Outputs (n, 16) for anchors (n, 2) -> points (n, 8, 2)."""
    points: Points = regression.reshape(-1, 8, 2).copy()
    centres, halves = points[:, 0] + anchors, points[:, 1] / 2
    points[:, 2:] += anchors[:, np.newaxis]
    points[:, 0], points[:, 1] = centres - halves, centres + halves
    return points


def merge(points: Points, scores: npt.NDArray[np.float32]) -> list[Detection]:
    """One detection for each group that overlaps its best: the mean by score, with the score of the best."""
    merged = []
    while len(scores):
        best = scores.argmax()
        group = compute_overlaps(points[best], points) > _OVERLAP
        group[best] = True  # even if it has no area
        mean = np.average(points[group], axis=0, weights=scores[group])
        merged.append(Detection(mean.astype(np.float32), float(scores[best])))
        points, scores = points[~group], scores[~group]
    return merged


def compute_overlaps(one: Points, others: Points) -> npt.NDArray[np.float32]:
    """Intersection over union of the box of `one`, (8, 2), with those of `others`, (n, 8, 2)."""
    shared = np.prod(np.clip(np.minimum(one[1], others[:, 1]) - np.maximum(one[0], others[:, 0]), 0, None), axis=-1)
    areas = np.prod(np.clip(others[:, 1] - others[:, 0], 0, None), axis=-1)
    union = np.prod(np.clip(one[1] - one[0], 0, None)) + areas - shared
    return np.asarray(shared / np.maximum(union, 1e-9), np.float32)
