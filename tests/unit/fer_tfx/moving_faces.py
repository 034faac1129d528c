"""Scenes with two drawn faces that move, and a double that finds them."""

from collections.abc import Iterator

from PIL import Image
from predictor_double import build_face

from fer_tfx.face_detection import Box, Face
from schema.drawn_faces import draw_faces

SIZE = (320, 160)
FACES = [Image.fromarray(face).resize((64, 64)) for face in draw_faces(4, 8).pixels]


def draw_scenes(count: int) -> Iterator[Image.Image]:
    """One face goes to the right, another to the left and shows four expressions."""
    for number in range(count):
        scene = Image.new("L", SIZE, 10)
        scene.paste(FACES[0], (8 + 2 * number, 8))
        scene.paste(FACES[number * 4 // count], (240 - 2 * number, 88))
        yield scene


class BrightDetectorDouble:
    """Finds what is bright in the upper and in the lower half of a picture."""

    def detect(self, picture: Image.Image) -> list[Face]:
        width, height = picture.size[0], picture.size[1] // 2
        halves = (picture.convert("L").crop((0, top, width, top + height)) for top in (0, height))
        found = [half.point(lambda value: 255 * (value > 60)).getbbox() for half in halves]
        return [
            build_face(Box(left, top + row * height, right - left, bottom - top))
            for row, (left, top, right, bottom) in ((row, box) for row, box in enumerate(found) if box)
        ]
