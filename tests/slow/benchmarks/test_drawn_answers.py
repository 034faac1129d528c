"""README's picture of faces: drawn ones, and a model's answers to them."""

import fer_tfx
from benchmarks.drawn_answers import draw_answers


def test_picture_shows_a_face_of_each_class_with_an_answer_below():
    with fer_tfx.load() as model:
        picture, again, other = (draw_answers(model, seed) for seed in (7, 7, 8))
    assert picture.size == (1104, 208)
    assert picture.tobytes() == again.tobytes() != other.tobytes()
    band = picture.crop((0, 160, picture.width, picture.height))
    assert len(band.getcolors(1 << 16)) > 2  # names and bars, not an empty page
