"""The faces in a picture, by BlazeFace: searched at several scales, looked at again from close up, and cropped."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from fer_tfx.blazeface import BlazeFace, Detection, Points, compute_overlaps
from fer_tfx.contract import IMAGE_SIZE_PX
from fer_tfx.model_files import verify_sums
from fer_tfx.pictures import PictureLike, find_name, open_picture, to_pixels, to_rgb
from fer_tfx.views import Pixels

MAX_CROP_PX = 64
Point = tuple[float, float]
_FOLDER = Path(__file__).with_name("face_models")
_REMEDY = "install fer-tfx again; in a checkout, `make setup` fetches it"
_SHORT_RANGE = ("face_detection_short_range.tflite", ((8, 2), (16, 6)))
_BACK = ("face_detection_back.tflite", ((16, 2), (32, 6)))
# The search: in halves of the picture down to where a face that fills it is seen with a margin.
_SEARCH_SIDE_PX, _SMALLEST_SIDE_PX, _CANVAS_PX, _STEP_PX = 1_024, 96, 128, 16
_CANDIDATE_SCORE, _SAME_FACE_OVERLAP, _MAX_CANDIDATES = 0.2, 0.3, 200
# The second look: the candidate, levelled, fills so much of a square.
_CLOSE_UP_PX, _CLOSE_UP_SIDES, _SCORE = 256, 2.5, 0.75
# The crop, in sides of the box: FER2013's faces reach from the hair to the chin.
_CROP_SIDES, _CROP_DOWN = 1.2, 0.0


class Box(NamedTuple):
    """A face in px of the upright picture; (x, y) is the upper left corner."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Landmarks:
    """Points (x, y) in px of the upright picture, perhaps beyond its rim; right and left are the person's."""

    right_eye: Point
    left_eye: Point
    nose: Point
    mouth: Point
    right_ear: Point
    left_ear: Point


@dataclass(frozen=True)
class Face:
    """A face that was found."""

    box: Box
    landmarks: Landmarks
    score: float  # 0 to 1


class FaceDetector:
    """Finds faces that take at least a fortieth of a picture's longer side, turned by up to about 45 degrees.

    Its models, 1 MB, are loaded when it is first used. Threads may share it; they take turns.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._models: tuple[BlazeFace, BlazeFace] | None = None

    def detect(self, picture: PictureLike) -> list[Face]:
        """The faces from left to right; none of their boxes reaches beyond the picture.

        Raises DataError for what is no picture, see `PictureLike`, and for models that are missing or damaged.
        """
        upright = _open(picture)
        scale = min(1.0, _SEARCH_SIDE_PX / max(upright.size))
        small = to_rgb(_resize(upright if upright.mode in {"L", "RGB"} else to_rgb(upright), scale))
        with self._lock:
            short_range, back = self._load()
            candidates = _merge(_search(small, short_range))[:_MAX_CANDIDATES]
            seen = (_look_again(upright, each.points / scale, back) for each in candidates)
            found = _merge(each for each in seen if each)
        faces = (_to_face(each, upright.size) for each in found)
        return sorted((each for each in faces if each.box.width > 0 < each.box.height), key=lambda each: each.box)

    def _load(self) -> tuple[BlazeFace, BlazeFace]:
        if self._models is None:
            verify_sums(_FOLDER, _REMEDY)
            short_range, back = (BlazeFace(_FOLDER / name, grids) for name, grids in (_SHORT_RANGE, _BACK))
            self._models = short_range, back
        return self._models


def is_crop(picture: Image.Image) -> bool:
    """Whether a picture is taken for a face that is cut out already, which it is up to MAX_CROP_PX on either side."""
    return max(picture.size) <= MAX_CROP_PX


def crop_face(picture: PictureLike, face: Face) -> Pixels:
    """The face as the models take it, level and grey: uint8 (48, 48, 1). What lies beyond the picture is black.

    Raises DataError for what is no picture.
    """
    upright, (x, y, width, height) = _open(picture), face.box
    angle = _compute_angle(np.array([face.landmarks.right_eye, face.landmarks.left_eye]))
    side = _CROP_SIDES * max(width, height)
    centre = np.array([x + width / 2, y + height / 2])
    size = max(IMAGE_SIZE_PX, min(round(side), 8 * IMAGE_SIZE_PX))
    return to_pixels(_cut(upright, centre, side, angle, size))


def _open(picture: PictureLike) -> Image.Image:
    return open_picture(picture, find_name(picture) or "picture")


def _search(picture: Image.Image, model: BlazeFace) -> Iterator[Detection]:
    """Candidates in px of the picture, at one scale after the other."""
    scale = 1.0
    while True:
        level = _resize(picture, scale)
        canvas = [-max(_CANVAS_PX, side) // _STEP_PX * -_STEP_PX for side in level.size]
        left, top = ((whole - side) // 2 for whole, side in zip(canvas, level.size, strict=True))
        padded = Image.new("RGB", (canvas[0], canvas[1]))
        padded.paste(level, (left, top))
        for points, score in model.find(np.asarray(padded), _CANDIDATE_SCORE):
            yield Detection((points - (left, top)) / scale, score)
        if max(level.size) < _SMALLEST_SIDE_PX:
            return
        scale /= 2


def _merge(detections: Iterator[Detection]) -> list[Detection]:
    """The best of those that overlap, best first."""
    kept: list[Detection] = []
    for each in sorted(detections, key=lambda each: -each.score):
        others = np.array([other.points for other in kept]).reshape(-1, 8, 2)
        if not (compute_overlaps(each.points, others) > _SAME_FACE_OVERLAP).any():
            kept.append(each)
    return kept


def _look_again(picture: Image.Image, points: Points, model: BlazeFace) -> Detection | None:
    """The candidate as it is seen from close up and level, in px of the picture; None: it is no face."""
    centre, angle = points[:2].mean(axis=0), _compute_angle(points[2:4])
    side = _CLOSE_UP_SIDES * float((points[1] - points[0]).max())
    tile = _cut(picture, centre, side, angle, _CLOSE_UP_PX)
    middle, scale = _CLOSE_UP_PX / 2, side / _CLOSE_UP_PX
    for seen, score in model.find(np.asarray(tile), _SCORE):
        if np.abs(seen[:2].mean(axis=0) - middle).max() < middle / _CLOSE_UP_SIDES:
            moved = (seen - middle) * scale @ _rotate(angle).T + centre
            # The box stays upright, about the same centre.
            half = (seen[1] - seen[0]) * scale / 2
            moved[:2] = moved[:2].mean(axis=0) + np.stack([-half, half])
            return Detection(moved.astype(np.float32), score)
    return None


def _compute_angle(eyes: npt.NDArray[Any]) -> float:
    """By how much the line from right to left eye is turned, in radians; clockwise in the picture is positive."""
    across, down = (eyes[1] - eyes[0]).tolist()
    return math.atan2(down, across)


def _rotate(angle: float) -> npt.NDArray[np.float64]:
    return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


def _resize(picture: Image.Image, scale: float) -> Image.Image:
    if scale == 1.0:
        return picture
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)


def _cut(picture: Image.Image, centre: npt.NDArray[Any], side: float, angle: float, size: int) -> Image.Image:
    """The square about a centre, turned back by an angle, as `size` x `size` px; black beyond the picture."""
    reach = side * (abs(math.cos(angle)) + abs(math.sin(angle))) / 2 + 2
    left, top = (max(0, math.floor(each - reach)) for each in centre.tolist())
    right, bottom = (
        min(whole, math.ceil(each + reach)) for whole, each in zip(picture.size, centre.tolist(), strict=True)
    )
    part = to_rgb(picture.crop((left, top, max(right, left + 1), max(bottom, top + 1))))
    factor = max(1, int(side / size))
    part = part.reduce(factor) if factor > 1 else part
    matrix = _rotate(angle) * side / size / factor
    x, y = (centre - (left, top)) / factor - matrix @ [size / 2, size / 2]
    data = (matrix[0, 0], matrix[0, 1], x, matrix[1, 0], matrix[1, 1], y)
    return part.transform((size, size), Image.Transform.AFFINE, data, Image.Resampling.BICUBIC)


def _to_face(found: Detection, size: tuple[int, int]) -> Face:
    corners = np.clip(np.rint(found.points[:2]), 0, size).astype(int)
    (x, y), (right, bottom) = corners.tolist()
    landmarks = Landmarks(*((float(x), float(y)) for x, y in found.points[2:]))
    return Face(Box(x, y, right - x, bottom - y), landmarks, found.score)
