"""What classes look like in train, from batches."""

import numpy as np

from reporting.answered import LabelledRows
from reporting.faces import look_at_classes


def batch(*pairs: tuple[int, int]) -> LabelledRows:
    """Flat pictures: (class, grey value) each."""
    pixels = np.stack([np.full((48, 48), grey, np.uint8) for _, grey in pairs])
    classes = np.array([index for index, _ in pairs])
    return LabelledRows(pixels, classes, ("a.csv",) * len(pairs), np.arange(len(pairs)))


def test_look_at_classes_averages_by_row_and_not_by_batch():
    faces = look_at_classes([batch((0, 10), (0, 20), (3, 255)), batch((0, 60))], 7)
    assert [(face.mean.shape, face.mean.dtype) for face in faces] == [((48, 48), np.uint8)] * 7
    assert (set(faces[0].mean.ravel()), set(faces[3].mean.ravel())) == ({30}, {255})


def test_look_at_classes_shows_the_first_eight_of_each():
    faces = look_at_classes(
        [batch(*((0, grey) for grey in range(5)), (3, 99)), batch(*((0, 5 + n) for n in range(5)))], 7
    )
    assert [example[0, 0] for example in faces[0].examples] == list(range(8))
    assert [example[0, 0] for example in faces[3].examples] == [99]


def test_look_at_classes_without_a_row_is_black_and_has_no_examples():
    others = look_at_classes([batch((0, 10))], 7)[1:]
    assert not any(face.mean.any() or face.examples for face in others)
