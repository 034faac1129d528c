"""Drawn faces in drawn photos, found by the real models."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from fer_tfx import face_detection
from fer_tfx.errors import DataError
from fer_tfx.face_detection import Box, Face, FaceDetector, Landmarks, crop_face, is_crop
from schema.drawn_faces import draw_faces

FACE_PX = 192
DRAWN = draw_faces(200, 3).pixels
# Many a drawn face is taken for one, these among them.
FACES = DRAWN[[12, 150]]


def draw_photo(size: tuple[int, int], *corners: tuple[int, int]) -> Image.Image:
    """A grey picture with a drawn face of 192 px at each corner."""
    photo = Image.new("L", size, 128)
    for face, corner in zip(FACES, corners, strict=False):
        photo.paste(Image.fromarray(face).resize((FACE_PX, FACE_PX), Image.Resampling.BICUBIC), corner)
    return photo


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return FaceDetector()


def is_around(box: Box, corner: tuple[float, float], scale: float = 1) -> bool:
    """Whether a box lies on the face at a corner: centres at most a fifth of the face apart."""
    side = FACE_PX * scale
    offsets = (box.x + box.width / 2 - corner[0] - side / 2, box.y + box.height / 2 - corner[1] - side / 2)
    return max(map(abs, offsets)) < side / 5 and 0.5 < box.width / side < 1.2


def test_detect_two_in_a_photo_are_found_from_left_to_right(detector):
    right, left = corners = [(400, 60), (50, 100)]
    found = detector.detect(draw_photo((700, 400), *corners))
    assert len(found) == 2
    assert is_around(found[0].box, left)
    assert is_around(found[1].box, right)


def test_detect_of_24_drawn_faces_at_most_one_is_missed(detector):
    side, cell = 96, 136
    photo = Image.new("L", (6 * cell, 4 * cell), 128)
    for place, face in enumerate(DRAWN[:24]):
        corner = (place % 6 * cell + 20, place // 6 * cell + 20)
        photo.paste(Image.fromarray(face).resize((side, side), Image.Resampling.BICUBIC), corner)
    boxes = [face.box for face in detector.detect(photo)]
    cells = {(round(box.x + box.width / 2) // cell, round(box.y + box.height / 2) // cell) for box in boxes}
    assert len(boxes) == len(cells) >= 23


@pytest.mark.parametrize("degrees", [-30, 30])
def test_detect_turned_head_has_its_landmarks_where_they_turned_to(detector, degrees):
    photo = draw_photo((400, 400), (104, 104))
    (upright,), (turned,) = detector.detect(photo), detector.detect(photo.rotate(degrees, fillcolor=128))
    turn = np.exp(1j * np.deg2rad(degrees))
    for name in ("right_eye", "left_eye", "nose", "mouth"):
        before, after = (complex(*getattr(face.landmarks, name)) - (200 + 200j) for face in (upright, turned))
        assert abs(before * turn.conjugate() - after) < FACE_PX / 8


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "I;16", "CMYK"])
def test_detect_any_mode_gives_the_same_boxes(detector, mode):
    photo = draw_photo((400, 320), (100, 60))
    given = Image.fromarray(np.asarray(photo).astype(np.uint16) << 8) if mode == "I;16" else photo.convert(mode)
    assert [face.box for face in detector.detect(given)] == [face.box for face in detector.detect(photo)] != []


def test_detect_transparency_does_not_count(detector):
    photo = draw_photo((400, 320), (100, 60)).convert("RGBA")
    photo.putalpha(0)
    assert detector.detect(photo) == detector.detect(photo.convert("RGB")) != []


@pytest.mark.parametrize("shape", [(320, 400), (320, 400, 1), (320, 400, 3), (320, 400, 4)])
def test_detect_arrays_are_pictures_too(detector, shape):
    photo = draw_photo((400, 320), (100, 60))
    grey = np.asarray(photo).reshape(320, 400, 1)
    pixels = grey.repeat(shape[2], axis=2) if len(shape) == 3 else grey[..., 0]
    assert detector.detect(pixels) == detector.detect(photo)


@pytest.mark.parametrize(("shape", "dtype"), [((40, 40), np.float32), ((40,), np.uint8), ((4, 40, 40), np.uint8)])
def test_detect_any_other_array_is_refused(detector, shape, dtype):
    with pytest.raises(DataError, match=r"^picture: expected uint8 \(h, w\)"):
        detector.detect(np.zeros(shape, dtype))


def test_detect_boxes_are_in_px_of_the_upright_picture(detector):
    upright = draw_photo((500, 320), (250, 60))
    lying = upright.rotate(90, expand=True)
    lying.getexif()[0x0112] = 6  # turn it clockwise
    assert [face.box for face in detector.detect(lying)] == [face.box for face in detector.detect(upright)] != []
    (face,) = detector.detect(lying)
    assert crop_face(lying, face).tolist() == crop_face(upright, face).tolist()


def test_detect_large_photo_has_its_boxes_in_its_own_pixels(detector):
    photo = draw_photo((700, 400), (400, 60)).resize((4200, 2400))
    (face,) = detector.detect(photo)
    assert is_around(face.box, (2400, 360), scale=6)


def test_detect_close_up_has_a_box_that_does_not_reach_beyond_the_picture(detector):
    (face,) = detector.detect(draw_photo((FACE_PX, FACE_PX), (0, 0)))
    assert is_around(face.box, (0, 0))
    assert min(face.box) >= 0
    assert max(face.box.x + face.box.width, face.box.y + face.box.height) <= FACE_PX


@pytest.mark.parametrize("size", [(1, 1), (3000, 1), (1, 700), (20, 20), (500, 400)])
def test_detect_picture_without_a_face_gives_none(detector, size):
    assert detector.detect(Image.new("RGB", size, (90, 120, 90))) == []


def test_detect_threads_that_share_a_detector_get_the_same_answers():
    shared = FaceDetector()
    photos = [draw_photo((size, 320), (size - 220, 60)) for size in (400, 500, 600)] * 3
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(shared.detect, photos)) == [shared.detect(photo) for photo in photos]


def test_detect_missing_model_is_one_line_with_its_remedy(monkeypatch, tmp_path):
    for path in face_detection._FOLDER.iterdir():
        if path.suffix != ".tflite":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(face_detection, "_FOLDER", tmp_path)
    said = r"short_range\.tflite: is missing, and SHA256SUMS lists it: install fer-tfx again; in a checkout, `make"
    with pytest.raises(DataError, match=said):
        FaceDetector().detect(Image.new("L", (100, 100)))


def build_face(box: Box, angle: float) -> Face:
    """A face whose eyes lie on a line turned by an angle, clockwise in the picture."""
    x, y = box.x + box.width / 2, box.y + box.height / 2
    across, down = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    return Face(box, Landmarks((x - across, y - down), (x + across, y + down), *[(x, y)] * 4), 0.9)


@pytest.mark.parametrize("angle", [-40, 0, 25])
def test_crop_face_is_levelled(angle):
    """A picture of two halves, turned: in the crop their border is level again."""
    halves = np.zeros((400, 400), np.uint8)
    halves[200:] = 200
    turned = Image.fromarray(halves).rotate(-angle, Image.Resampling.BICUBIC)
    pixels = crop_face(turned, build_face(Box(140, 140, 120, 120), angle))
    assert (pixels.shape, pixels.dtype) == ((48, 48, 1), np.uint8)
    assert np.ptp(pixels.astype(int), axis=1).max() < 40
    assert (pixels[:20].max(), pixels[-20:].min()) == (0, 200)


@pytest.mark.parametrize("side", [20, 120, 3000])
def test_crop_face_has_the_whole_face_at_any_size(side):
    """A cross about the middle of the box, which lies a little below that of the crop."""
    picture = np.zeros((4000, 4000), np.uint8)
    middle, arm = 2000, side // 6
    picture[middle - arm : middle + arm] = picture[:, middle - arm : middle + arm] = 255
    pixels = crop_face(picture, build_face(Box(middle - side // 2, middle - side // 2, side, side), 0))[..., 0]
    assert (pixels[[0, 27, 47]][:, [0, 24, 47]] > 200).tolist() == [[0, 1, 0], [1, 1, 1], [0, 1, 0]]


@pytest.mark.parametrize(("size", "expected"), [((48, 48), True), ((64, 10), True), ((65, 10), False), ((1, 1), True)])
def test_is_crop_is_a_matter_of_the_longer_side(size, expected):
    assert is_crop(Image.new("L", size)) == expected
