"""Right answers by corruption: parts add up to the whole, and a row without answers is never lost."""

import numpy as np

from components.metrics.corrupted_accuracy import ACCURACY_NAMES, UNSOUND_ANSWER, CorruptedHits
from reporting.corruptions import CORRUPTIONS


def test_corrupted_hits_add_row_counts_the_right_answers_of_each_corruption():
    hits = CorruptedHits()
    hits.add_row(3, np.array([3, 3, 0, 3, 3, 3, 3, 2]))
    hits.add_row(0, np.array([0, 1, 0, 0, 0, 0, 0, 2]))
    assert (hits.count, hits.unsound) == (2, 0)
    assert hits.hits.tolist() == [2, 1, 1, 2, 2, 2, 2, 0]


def test_corrupted_hits_add_row_without_a_sound_answer_is_unsound():
    hits = CorruptedHits()
    hits.add_row(0, np.array([0, 0, 0, 0, 0, 0, 0, UNSOUND_ANSWER]))
    hits.add_row(0, None)
    assert (hits.count, hits.unsound, hits.hits.sum()) == (2, 2, 0)


def test_corrupted_hits_add_parts_give_the_whole():
    answers = np.random.default_rng(3).integers(UNSOUND_ANSWER, 7, (20, 8))
    whole, part, other = CorruptedHits(), CorruptedHits(), CorruptedHits()
    for row, said in enumerate(answers):
        whole.add_row(row % 7, said)
        (part if row < 13 else other).add_row(row % 7, said)
    part.add(other)
    assert (part.count, part.unsound, part.hits.tolist()) == (whole.count, whole.unsound, whole.hits.tolist())


def test_accuracy_names_follow_the_order_of_corruptions():
    assert list(ACCURACY_NAMES) == list(CORRUPTIONS)
    assert ACCURACY_NAMES["eyes_masked"] == "accuracy_under_eyes_masked"
