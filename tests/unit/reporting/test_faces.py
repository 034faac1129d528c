"""Mean faces of batches."""

import numpy as np

from reporting.evaluation import LabelledRows, compute_mean_faces


def batch(*pairs: tuple[int, int]) -> LabelledRows:
    """Flat pictures: (class, grey value) each."""
    pixels = np.stack([np.full((48, 48), grey, np.uint8) for _, grey in pairs])
    classes = np.array([index for index, _ in pairs])
    return LabelledRows(pixels, classes, ("a.csv",) * len(pairs), np.arange(len(pairs)))


def test_compute_mean_faces_batches_are_averaged_by_row_and_not_by_batch():
    means = compute_mean_faces([batch((0, 10), (0, 20), (3, 255)), batch((0, 60))], 7)
    assert (means.shape, means.dtype) == ((7, 48, 48), np.uint8)
    assert set(means[0].ravel()) == {30}
    assert set(means[3].ravel()) == {255}


def test_compute_mean_faces_class_without_a_row_is_black():
    assert not compute_mean_faces([batch((0, 10))], 7)[1:].any()
