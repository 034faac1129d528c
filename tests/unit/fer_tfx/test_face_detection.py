"""Drawn faces in drawn photos, found by the real cascade."""

import sys

import numpy as np
import pytest
from PIL import Image

from fer_tfx.errors import ConfigError
from fer_tfx.face_detection import Box, FaceDetector, crop_face
from schema.drawn_faces import draw_faces

FACE_PX = 192
# The cascade takes five in six drawn faces for faces, these among them.
FACES = draw_faces(8, 3).pixels[[2, 5]]


def draw_photo(size: tuple[int, int], *corners: tuple[int, int]) -> Image.Image:
    """A grey picture with a drawn face of 192 px at each corner."""
    photo = Image.new("L", size, 128)
    for face, corner in zip(FACES, corners, strict=False):
        photo.paste(Image.fromarray(face).resize((FACE_PX, FACE_PX), Image.Resampling.BICUBIC), corner)
    return photo


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector()


def is_around(box: Box, corner: tuple[int, int], scale: int = 1) -> bool:
    """Whether a box lies on the face at a corner: centres at most a sixth of the face apart, sides alike."""
    side = FACE_PX * scale
    offsets = (box.x + box.width / 2 - corner[0] - side / 2, box.y + box.height / 2 - corner[1] - side / 2)
    return max(map(abs, offsets)) < side / 6 and 0.7 < box.width / side < 1.2


def test_find_faces_two_in_a_photo_are_found_from_left_to_right(detector):
    corners = [(400, 60), (50, 100)]
    right, left = corners
    found = detector.find_faces(draw_photo((700, 400), *corners))
    assert len(found) == 2
    assert is_around(found[0], left)
    assert is_around(found[1], right)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
def test_find_faces_any_mode_gives_the_same_boxes(detector, mode):
    photo = draw_photo((400, 320), (100, 60))
    assert detector.find_faces(photo.convert(mode)) == detector.find_faces(photo) != []


def test_find_faces_large_photo_has_its_boxes_in_its_own_pixels(detector):
    photo = draw_photo((700, 400), (400, 60)).resize((4200, 2400))
    (box,) = detector.find_faces(photo)
    assert is_around(box, (2400, 360), scale=6)


def test_find_faces_box_at_the_rim_does_not_reach_beyond_the_photo(detector):
    photo = draw_photo((FACE_PX, FACE_PX), (0, 0))
    for box in detector.find_faces(photo.resize((1500, 1500))):
        assert min(box) >= 0
        assert max(box.x + box.width, box.y + box.height) <= 1500


@pytest.mark.parametrize("size", [(1, 1), (3000, 1), (20, 20), (500, 400)])
def test_find_faces_picture_without_a_face_gives_none(detector, size):
    assert detector.find_faces(Image.new("RGB", size, (90, 120, 90))) == []


def test_crop_face_is_the_part_in_the_box():
    photo = Image.fromarray(np.arange(100, dtype=np.uint8).reshape(10, 10))
    assert np.asarray(crop_face(photo, Box(2, 1, 3, 2))).tolist() == [[12, 13, 14], [22, 23, 24]]


def test_face_detector_without_opencv_names_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(
        ConfigError,
        match=r"^--detect needs OpenCV \(.*\); `pip install '\./fer_tfx\[detect\]'` in a checkout of fer-tfx$",
    ):
        FaceDetector()
