"""Faces in a photo, by OpenCV's cascade for frontal faces, which comes within opencv-python-headless."""

from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from fer_tfx.errors import ConfigError
from fer_tfx.pictures import to_grey

_CASCADE_FILE = "haarcascade_frontalface_default.xml"
# In a larger photo the search takes longer and finds buttons and leaves.
_SEARCH_SIDE_PX = 1_024
_MIN_FACE_PX = 30
_SCALE_STEP = 1.1
_MIN_NEIGHBOURS = 5


class Box(NamedTuple):
    """A face in px of the upright picture; (x, y) is the upper left corner."""

    x: int
    y: int
    width: int
    height: int


class FaceDetector:
    """Finds upright faces that look into the camera. Raises ConfigError without OpenCV or its cascade."""

    def __init__(self) -> None:
        try:
            cv2: Any = import_module("cv2")
        except ImportError as error:
            raise ConfigError(
                f"--detect needs OpenCV ({error}); `pip install './fer_tfx[detect]'` in a checkout of fer-tfx"
            ) from None
        path = Path(cv2.data.haarcascades) / _CASCADE_FILE
        self._cascade = cv2.CascadeClassifier(str(path))
        if self._cascade.empty():
            raise ConfigError(f"{path}: the face detector can't be loaded; install opencv-python-headless again")

    def find_faces(self, picture: Image.Image) -> list[Box]:
        """The faces from left to right; none of them reaches beyond the picture."""
        scale = min(1.0, _SEARCH_SIDE_PX / max(picture.size))
        found = self._cascade.detectMultiScale(
            _shrink(to_grey(picture), scale),
            scaleFactor=_SCALE_STEP,
            minNeighbors=_MIN_NEIGHBOURS,
            minSize=(_MIN_FACE_PX, _MIN_FACE_PX),
        )
        return sorted(_to_box([int(value) for value in each], scale, picture.size) for each in found)


def crop_face(picture: Image.Image, box: Box) -> Image.Image:
    """The part of an upright picture within the box."""
    return picture.crop((box.x, box.y, box.x + box.width, box.y + box.height))


def _shrink(grey: Image.Image, scale: float) -> Any:
    """-> uint8 (height, width)."""
    if scale < 1.0:
        width, height = (max(1, round(side * scale)) for side in grey.size)
        grey = grey.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(grey, dtype=np.uint8)


def _to_box(found: list[int], scale: float, size: tuple[int, int]) -> Box:
    left, top, width, height = found
    right, bottom = (round((start + side) / scale) for start, side in ((left, width), (top, height)))
    x, y = round(left / scale), round(top / scale)
    return Box(x, y, min(right, size[0]) - x, min(bottom, size[1]) - y)
