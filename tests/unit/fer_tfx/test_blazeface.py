"""What BlazeFace's outputs mean, against the same computed one number at a time."""

import numpy as np
import pytest

from fer_tfx.blazeface import compute_overlaps, decode, make_anchors, merge

RNG = np.random.default_rng(0)


def build_points(x: float, y: float, side: float) -> np.ndarray:
    points = np.full((8, 2), (x, y), np.float32)
    points[1] += side
    return points


def test_make_anchors_are_the_centres_of_the_cells_in_the_order_of_mediapipe():
    expected = []
    for stride, count in ((8, 2), (16, 6)):
        for row in range(32 // stride):
            for column in range(48 // stride):
                expected += [((column + 0.5) * stride, (row + 0.5) * stride)] * count
    assert make_anchors(32, 48).tolist() == [list(each) for each in expected]


def test_decode_is_that_of_mediapipe():
    regression, anchors = RNG.normal(size=(5, 16)).astype(np.float32), RNG.uniform(0, 99, (5, 2)).astype(np.float32)
    for values, (x, y), points in zip(regression, anchors, decode(regression, anchors), strict=True):
        centre_x, centre_y, width, height, *landmarks = values.tolist()
        expected = [(x + centre_x - width / 2, y + centre_y - height / 2)]
        expected += [(x + centre_x + width / 2, y + centre_y + height / 2)]
        expected += [(x + landmarks[place], y + landmarks[place + 1]) for place in range(0, 12, 2)]
        assert points == pytest.approx(np.array(expected), abs=1e-4)


def test_compute_overlaps_of_boxes_of_any_place():
    others = np.stack([build_points(*each) for each in [(0, 0, 10), (5, 0, 10), (5, 5, 5), (10, 0, 10), (3, 3, 0)]])
    found = compute_overlaps(build_points(0, 0, 10), others)
    assert found == pytest.approx([1, 50 / 150, 25 / 100, 0, 0])


def test_merge_is_the_mean_by_score_of_those_that_overlap_the_best():
    corners = [(0, 0), (50, 50), (2, 0), (0, 6)]  # the last shares 32 of 168 px with the third
    points = np.stack([build_points(*corner, 10) for corner in corners])
    found = merge(points, np.array([0.5, 0.9, 0.75, 0.25], np.float32))
    assert [each.score for each in found] == pytest.approx([0.9, 0.75, 0.25])
    assert [each.points[0].tolist() for each in found] == [[50, 50], pytest.approx([1.2, 0]), [0, 6]]
