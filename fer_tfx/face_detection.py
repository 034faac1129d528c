"""The faces in a picture, by BlazeFace: searched at several scales, looked at again from close up, and cropped."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from fer_tfx.blazeface import LARGEST_STRIDE_PX, TRAINED_SIDE_PX, BlazeFace, Detection, Points, compute_overlaps
from fer_tfx.contract import IMAGE_SIZE_PX
from fer_tfx.model_files import verify_sums
from fer_tfx.pictures import PictureLike, find_name, open_picture, to_pixels, to_rgb
from fer_tfx.views import Pixels

MAX_CROP_PX = 64
Point = tuple[float, float]
_FOLDER = Path(__file__).with_name("face_models")
_MODEL_FILE = "face_detection_short_range.tflite"
_REMEDY = "install fer-tfx again; in a checkout, `make setup` fetches it"
# The search: in thirds of the picture, down to where a face that fills it is seen with a margin.
_SEARCH_SCALE, _SEARCH_SIDE_PX, _LEVEL_FACTOR, _SMALLEST_SIDE_PX, _MARGIN_PX = 0.9, 896, 3, 96, 16
_SEEN_SCORE, _SAME_FACE_OVERLAP = 0.35, 0.3
_LARGEST_SHIFT, _LARGEST_GROWTH = 0.3, 0.47  # in sides, and as logarithm: beyond, it is another face
# Close-ups are taken at whole parts of a px and of a radian, so that the last bit of a float, which differs between
# processors and in a browser, doesn't decide what they show.
_PARTS_PX, _PARTS_RADIAN = 8, 128
# A candidate, of which close-ups are taken. Of 3,428 faces that they confirm, the search gave one a lower score.
_CANDIDATE_SCORE = 0.45
# Close-ups of a candidate, each a square of so many sides of its box: a levelled one to see where it is and, if that
# too looks like a face, two turned from there by so much, in radians. What is no face seldom has a high mean of these
# three scores and the search's. A mouth less far from the eyes, in sides of the box, is none.
_CLOSE_UP_SIDES, _TURNS = 2.0, (-26 / _PARTS_RADIAN, 26 / _PARTS_RADIAN)
_FIRST_SCORE, _SCORE, _EYES_TO_MOUTH = 0.6, 0.675, 0.36
# What FER2013's faces show of a head, in sides of the box, and how far most of them are tilted, in radians.
_CROP_SIDES, _CROP_UP_SIDES, _USUAL_TILT = 1.16, 0.05, math.radians(20)
_MOST_CROP_PX = 8 * IMAGE_SIZE_PX  # before it is scaled to 48 px


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
    """Finds faces that take at least a twenty-fifth of a picture's longer side, turned by up to about 45 degrees.

    Its model, 0.2 MB, is loaded when it is first used. Threads may share it; they take turns.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._models: tuple[BlazeFace, BlazeFace] | None = None

    def detect(self, picture: PictureLike) -> list[Face]:
        """The faces from left to right; none of their boxes reaches beyond the picture.

        Raises DataError for what is no picture, see `PictureLike`, and for a model that is missing or damaged.
        """
        upright = _open(picture)
        scale = min(_SEARCH_SCALE, _SEARCH_SIDE_PX / max(upright.size))
        small = to_rgb(_resize(upright if upright.mode in {"L", "RGB"} else to_rgb(upright), scale))
        with self._lock:
            if not self._models:
                verify_sums(_FOLDER, _REMEDY)
                self._models = BlazeFace(_FOLDER / _MODEL_FILE), BlazeFace(_FOLDER / _MODEL_FILE)
            searching, judging = self._models
            candidates = _merge(_search(small, searching))
            judged = [_judge(upright, Detection(points / scale, score), judging) for points, score in candidates]
        faces = (_to_face(each, upright.size) for each in _merge(each for each in judged if each))
        return sorted((each for each in faces if each.box.width > 0 < each.box.height), key=lambda each: each.box)


def is_crop(picture: Image.Image) -> bool:
    """Whether a picture is taken for a face that is cut out already, which it is up to MAX_CROP_PX on either side."""
    return max(picture.size) <= MAX_CROP_PX


def crop_face(picture: PictureLike, face: Face) -> Pixels:
    """The face as the models take it, grey and levelled: uint8 (48, 48, 1). What lies beyond the picture is black.

    A tilt of up to 20 degrees stays, since FER2013's faces have it too.

    Raises DataError for what is no picture.
    """
    (x, y, width, height), eyes = face.box, np.array([face.landmarks.right_eye, face.landmarks.left_eye])
    tilt, box_side = _compute_angle(eyes), max(width, height)
    angle = tilt if abs(tilt) > _USUAL_TILT else 0.0
    centre = np.array([x + width / 2, y + height / 2]) + _rotate(angle) @ [0, -_CROP_UP_SIDES * box_side]
    side = _CROP_SIDES * box_side
    size = max(IMAGE_SIZE_PX, min(round(side), _MOST_CROP_PX))
    return to_pixels(_cut(_open(picture), centre, side, angle, size))


def _open(picture: PictureLike) -> Image.Image:
    return open_picture(picture, find_name(picture) or "picture")


def _search(picture: Image.Image, model: BlazeFace) -> Iterator[Detection]:
    """Candidates in px of the picture. All scales lie on one canvas, since the model is slow to take another size."""
    levels = [picture]
    while len(levels) == 1 or max(levels[-1].size) >= _SMALLEST_SIDE_PX:
        levels.append(levels[-1].reduce(_LEVEL_FACTOR))
    lefts = [0, *accumulate((level.width + _MARGIN_PX for level in levels[1:]), initial=_MARGIN_PX)]
    sides = max(picture.width, lefts[-1]), picture.height + levels[1].height + 2 * _MARGIN_PX
    canvas = Image.new("RGB", (_round_up(sides[0]), _round_up(sides[1])))
    corners = [(left, (picture.height + _MARGIN_PX) * (number > 0)) for number, left in enumerate(lefts[:-1])]
    for level, corner in zip(levels, corners, strict=True):
        canvas.paste(level, corner)
    found = model.find(np.asarray(canvas), _SEEN_SCORE)
    for points, score in (each for each in found if each.score >= _CANDIDATE_SCORE):
        for number, (level, corner) in enumerate(zip(levels, corners, strict=True)):
            x, y = points[:2].mean(axis=0) - corner
            if 0 <= x < level.width and 0 <= y < level.height:
                yield Detection((points - corner) * _LEVEL_FACTOR**number, score)


def _round_up(side: int) -> int:
    return -(-side // LARGEST_STRIDE_PX) * LARGEST_STRIDE_PX


def _merge(detections: Iterator[Detection]) -> list[Detection]:
    """The best of those that overlap, best first."""
    kept: list[Detection] = []
    for each in sorted(detections, key=lambda each: -each.score):
        others = np.array([other.points for other in kept]).reshape(-1, 8, 2)
        if not (compute_overlaps(each.points, others) > _SAME_FACE_OVERLAP).any():
            kept.append(each)
    return kept


def _judge(picture: Image.Image, candidate: Detection, model: BlazeFace) -> Detection | None:
    """A candidate as its close-ups show it, in px of the picture; None: it is no face."""
    first = _look(picture, candidate.points, 0.0, model)
    if not first or (candidate.score + first.score) / 2 < _FIRST_SCORE:
        return None
    looks = [each for turn in _TURNS if (each := _look(picture, first.points, turn, model))]
    score = (candidate.score + first.score + sum(each.score for each in looks)) / (2 + len(_TURNS))
    if score < _SCORE:
        return None
    points = np.mean([each.points for each in looks], axis=0)
    eyes_to_mouth, side = np.linalg.norm(points[5] - points[2:4].mean(axis=0)), (points[1] - points[0]).max()
    return Detection(points, score) if eyes_to_mouth >= _EYES_TO_MOUTH * side else None


def _look(picture: Image.Image, points: Points, turn: float, model: BlazeFace) -> Detection | None:
    """The candidate in a close-up of it, levelled and then turned; None: it isn't there. Its box stays upright."""
    centre, angle = np.rint(points[:2].mean(axis=0) * _PARTS_PX) / _PARTS_PX, _compute_angle(points[2:4]) + turn
    box_side = round(float((points[1] - points[0]).max()) * _PARTS_PX) / _PARTS_PX
    tile = _cut(picture, centre, _CLOSE_UP_SIDES * box_side, angle, TRAINED_SIDE_PX)
    scale = _CLOSE_UP_SIDES * box_side / TRAINED_SIDE_PX
    for found, score in model.find(np.asarray(tile), _SEEN_SCORE):
        seen = (found - TRAINED_SIDE_PX / 2) * scale
        box_centre, half = seen[:2].mean(axis=0), (seen[1] - seen[0]) / 2
        if (
            np.abs(box_centre).max() < _LARGEST_SHIFT * box_side
            and abs(math.log(2 * half.max() / box_side)) < _LARGEST_GROWTH
        ):
            moved = seen @ _rotate(angle).T + centre
            moved[:2] = moved[:2].mean(axis=0) + np.stack([-half, half])
            return Detection(moved.astype(np.float32), score)
    return None


def _compute_angle(eyes: npt.NDArray[Any]) -> float:
    """By how much the line from right to left eye is turned, in radians; clockwise in the picture is positive."""
    across, down = (eyes[1] - eyes[0]).tolist()
    return round(math.atan2(down, across) * _PARTS_RADIAN) / _PARTS_RADIAN


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
    return part.transform((size, size), Image.Transform.AFFINE, data, Image.Resampling.BILINEAR)


def _to_face(found: Detection, size: tuple[int, int]) -> Face:
    corners = np.clip(np.rint(found.points[:2]), 0, size).astype(int)
    (x, y), (right, bottom) = corners.tolist()
    landmarks = Landmarks(*((float(x), float(y)) for x, y in found.points[2:]))
    return Face(Box(x, y, right - x, bottom - y), landmarks, found.score)
