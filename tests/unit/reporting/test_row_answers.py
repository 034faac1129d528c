"""Answers row by row: stored, read again, and those of two models paired."""

import dataclasses

import numpy as np
import pytest
from report_doubles import CONFIDENCES, SAID, TRUE, answer_rows, make_probabilities

from fer_tfx.contract import DEFAULT_CLASS_NAMES
from reporting.row_answers import RowAnswers, compute_digests, pair_answers


def make_answers(said: np.ndarray) -> RowAnswers:
    return answer_rows(make_probabilities(said, CONFIDENCES)).to_row_answers(DEFAULT_CLASS_NAMES)


def test_row_answers_are_read_as_they_were_written():
    answers = make_answers(SAID)
    assert answers.predicted.tolist() == SAID.tolist()
    again = RowAnswers.from_bytes(answers.to_bytes())
    assert again.class_names == DEFAULT_CLASS_NAMES
    for name in ("digests", "class_indices", "predicted", "confidences"):
        np.testing.assert_array_equal(getattr(again, name), getattr(answers, name), name)


def test_compute_digests_tell_pictures_apart():
    pixels = np.zeros((3, 48, 48), np.uint8)
    pixels[1, 47, 47] = 1
    first, other, same = compute_digests(pixels)
    assert (first == same, first == other) == (True, False)


def test_pair_answers_of_rows_in_another_order_matches_the_pictures():
    first, second = make_answers(TRUE), make_answers(SAID)
    order = np.arange(12)[::-1]
    paired = pair_answers(first.take(order), second)
    np.testing.assert_array_equal(paired.first.digests, second.digests)
    assert (paired.first.hits.sum(), paired.second.hits.sum(), paired.places.tolist()) == (12, 7, list(range(12)))


def test_pair_answers_leaves_out_rows_that_one_lacks_or_labels_otherwise():
    first, second = make_answers(TRUE), make_answers(SAID)
    labels = first.class_indices.copy()
    labels[3] = 5
    fewer = dataclasses.replace(first, class_indices=labels).take(np.arange(1, 12))
    assert pair_answers(fewer, second).places.tolist() == [1, 2, *range(4, 12)]


@pytest.mark.parametrize("change", [{"class_names": ("good", "bad")}, {"digests": np.arange(12, dtype=np.uint64)}])
def test_pair_answers_of_other_classes_or_other_pictures_is_none(change):
    first = make_answers(TRUE)
    assert pair_answers(dataclasses.replace(first, **change), first) is None
