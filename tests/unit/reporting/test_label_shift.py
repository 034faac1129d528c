"""How far labels are distributed otherwise, worked out by hand."""

import pytest

from reporting.label_shift import SplitLabels, compute_distance, compute_label_shift

TRAIN = (10, 0, 0, 30, 0, 0, 0)  # shares 1/4 and 3/4
EVAL = (2, 0, 0, 2, 0, 0, 0)  # 1/2 and 1/2
TRAIN_BEFORE = (5, 0, 0, 0, 5, 0, 0)  # 1/2 and 1/2


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [(TRAIN, TRAIN, 0), (TRAIN, tuple(3 * count for count in TRAIN), 0), (TRAIN, EVAL, 0.25), ((1, 0), (0, 7), 1)],
)
def test_compute_distance_is_the_largest_difference_of_a_share(first, second, distance):
    assert compute_distance(first, second) == pytest.approx(distance)


def test_compute_label_shift_compares_splits_and_runs_each_with_its_bound():
    before = {"train": TRAIN_BEFORE, "eval": EVAL}
    shift = compute_label_shift({"train": TRAIN, "eval": EVAL, "test": EVAL}, before, skew_bound=0.1, drift_bound=0.2)
    assert shift.splits == (SplitLabels("train", TRAIN, TRAIN_BEFORE), SplitLabels("eval", EVAL, EVAL))
    assert [(each.between, each.distance, each.bound) for each in shift.distances] == [
        ("train and eval", 0.25, 0.1),
        ("train and train of the run before", 0.75, 0.2),
        ("eval and eval of the run before", 0.0, None),
    ]


def test_compute_label_shift_first_run_compares_the_splits_alone():
    shift = compute_label_shift({"train": TRAIN, "eval": EVAL}, {}, skew_bound=None, drift_bound=0.2)
    assert [each.before for each in shift.splits] == [None, None]
    assert [(each.between, each.bound) for each in shift.distances] == [("train and eval", None)]


@pytest.mark.parametrize("empty", [{}, {"eval": (0,) * 7}])
def test_compute_label_shift_split_without_a_row_is_left_out(empty):
    shift = compute_label_shift({"train": TRAIN, **empty}, {"train": (0,) * 7}, skew_bound=0.1, drift_bound=0.2)
    assert shift.splits == (SplitLabels("train", TRAIN, None),)
    assert shift.distances == ()
