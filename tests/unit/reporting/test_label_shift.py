"""How far labels are distributed otherwise, worked out by hand."""

import math

import pytest

from fer_tfx.contract import DEFAULT_CLASS_NAMES
from reporting.label_shift import Absence, SplitLabels, compute_label_shift, measure_distance

NAMES = DEFAULT_CLASS_NAMES


TRAIN = (10, 0, 0, 30, 0, 0, 0)  # shares 1/4 and 3/4
EVAL = (2, 0, 0, 2, 0, 0, 0)  # 1/2 and 1/2
TRAIN_BEFORE = (5, 0, 0, 0, 5, 0, 0)  # 1/2 and 1/2


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [(TRAIN, TRAIN, 0), (TRAIN, tuple(3 * count for count in TRAIN), 0), (TRAIN, EVAL, 0.25), ((1, 0), (0, 7), 1)],
)
def test_measure_distance_is_the_largest_difference_of_a_share(first, second, distance):
    assert measure_distance("a and b", first, second, None, NAMES).distance == pytest.approx(distance)


def test_measure_distance_names_the_class_and_what_is_beyond_doubt():
    few = measure_distance("a and b", (30, 50, 20), (20, 70, 10), 0.1, NAMES)
    assert (few.class_name, few.distance, few.least, few.is_refused) == ("disgust", pytest.approx(0.2), 0, False)
    many = measure_distance("a and b", (3_000, 5_000, 2_000), (2_000, 7_000, 1_000), 0.1, NAMES)
    # 3.4 standard errors below: 0.2 - 3.4 * sqrt((0.25 + 0.21) / 10,000).
    assert many.least == pytest.approx(0.177, abs=0.001)
    assert many.is_refused
    assert not measure_distance("a and b", (3_000, 7_000), (1_000, 9_000), None, NAMES).is_refused


def test_compute_label_shift_class_that_eval_lacks_comes_with_its_chance():
    train, eval_ = (40, 2, 0, 40, 40, 40, 38), (10, 0, 0, 0, 10, 10, 10)
    # Both rows of disgust in train: 200 * 199 / (240 * 239), one case in seven. None of 40 happy ones in eval: one in
    # 3,000. Train has no row of fear itself.
    assert compute_label_shift({"train": train, "eval": eval_}, {}, None, None, NAMES).absences == (
        Absence("disgust", pytest.approx(200 * 199 / (240 * 239)), is_refused=False),
        Absence("happy", pytest.approx(math.comb(200, 40) / math.comb(240, 40)), is_refused=True),
    )


def test_compute_label_shift_compares_splits_and_runs_each_with_its_bound():
    before = {"train": TRAIN_BEFORE, "eval": EVAL}
    shift = compute_label_shift(
        {"train": TRAIN, "eval": EVAL, "test": EVAL}, before, skew_bound=0.1, drift_bound=0.2, class_names=NAMES
    )
    assert shift.splits == (SplitLabels("train", TRAIN, TRAIN_BEFORE), SplitLabels("eval", EVAL, EVAL))
    assert [(each.between, each.distance, each.bound) for each in shift.distances] == [
        ("train and eval", 0.25, 0.1),
        ("train and train of the data accepted last", 0.75, 0.2),
        ("eval and eval of the data accepted last", 0.0, None),
    ]


def test_compute_label_shift_first_run_compares_the_splits_alone():
    shift = compute_label_shift({"train": TRAIN, "eval": EVAL}, {}, skew_bound=None, drift_bound=0.2, class_names=NAMES)
    assert [each.before for each in shift.splits] == [None, None]
    assert [(each.between, each.bound) for each in shift.distances] == [("train and eval", None)]


@pytest.mark.parametrize("empty", [{}, {"eval": (0,) * 7}])
def test_compute_label_shift_split_without_a_row_is_left_out(empty):
    shift = compute_label_shift(
        {"train": TRAIN, **empty}, {"train": (0,) * 7}, skew_bound=0.1, drift_bound=0.2, class_names=NAMES
    )
    assert shift.splits == (SplitLabels("train", TRAIN, None),)
    assert (shift.distances, shift.absences) == ((), ())
