"""Figures of a model from twelve answers, worked out by hand."""

import dataclasses
import math

import numpy as np
import pytest
from report_doubles import CONFIDENCES, SAID, TRUE, answer_rows, make_probabilities

from fer_tfx.contract import DEFAULT_CLASS_NAMES
from reporting.answered import LabelledRows, keep_answers
from reporting.evaluation import compare, describe_robustness, evaluate
from reporting.intervals import wilson_interval
from reporting.report_data import Answer, Share

PROBABILITIES = make_probabilities(SAID, CONFIDENCES)


@pytest.fixture(scope="module")
def evaluation():
    return evaluate(answer_rows(PROBABILITIES), temperature=1.25, threshold=0.55, class_names=DEFAULT_CLASS_NAMES)


def test_evaluate_twelve_answers_gives_accuracy_and_macro_f1_with_counts(evaluation):
    assert (evaluation.accuracy.fraction, evaluation.accuracy.count) == (pytest.approx(7 / 12), 12)
    assert (evaluation.accuracy.low, evaluation.accuracy.high) == wilson_interval(7 / 12, 12)
    assert evaluation.macro_f1 == pytest.approx((4 / 6 + 2 / 4 + 2 / 2 + 2 / 4 + 2 / 3 + 0 + 2 / 4) / 7)


def test_evaluate_one_answer_that_is_no_number_leaves_no_accuracy():
    probabilities = PROBABILITIES.copy()
    probabilities[3] = math.nan
    found = evaluate(answer_rows(probabilities), temperature=1.25, threshold=0.55, class_names=DEFAULT_CLASS_NAMES)
    assert math.isnan(found.accuracy.fraction)
    assert math.isnan(found.macro_f1)
    assert found.accuracy.count == 12


def test_evaluate_classes_have_recall_of_their_rows_and_precision_of_their_answers(evaluation):
    angry, sad, surprise = (evaluation.classes[index] for index in (0, 4, 5))
    assert (angry.name, angry.recall.fraction, angry.recall.count) == ("angry", pytest.approx(2 / 3), 3)
    assert (angry.precision.fraction, angry.precision.count) == (pytest.approx(2 / 3), 3)
    assert (sad.recall.fraction, sad.recall.count, sad.precision.fraction, sad.precision.count) == (1, 1, 0.5, 2)
    assert (sad.f1, surprise.f1) == (pytest.approx(2 / 3), 0)
    assert (surprise.precision.count, surprise.precision.low, surprise.precision.high) == (0, 0, 1)


def test_evaluate_confusion_has_true_classes_down(evaluation):
    assert evaluation.confusion[5] == (0, 0, 0, 0, 1, 0, 0)


def test_evaluate_temperature_is_taken_out_for_before_only(evaluation):
    logs = np.log(PROBABILITIES) * 1.25
    raw = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)
    assert evaluation.before.nll == pytest.approx(-np.log(raw[np.arange(12), TRUE]).mean())
    assert evaluation.after.nll == pytest.approx(-np.log(PROBABILITIES[np.arange(12), TRUE]).mean())


def test_evaluate_abstain_keeps_answers_from_the_threshold_on(evaluation):
    # 0.90, 0.80, 0.70, 0.60 and 0.55 are kept, all of them wrong.
    assert evaluation.abstain.coverage_fraction == pytest.approx(5 / 12)
    assert evaluation.abstain.accuracy_fraction == 0


def test_evaluate_mistakes_come_most_confident_first_with_their_place(evaluation):
    assert [mistake.confidence for mistake in evaluation.mistakes] == pytest.approx([0.9, 0.8, 0.7, 0.6, 0.55])
    first = evaluation.mistakes[0]
    assert dataclasses.replace(first, ranking=()) == Answer("eval.csv", 102, "angry", "disgust", pytest.approx(0.9))
    assert [name for name, _ in first.ranking][:1] == ["disgust"]
    assert [probability for _, probability in first.ranking] == pytest.approx([0.9, 0.1 / 6, 0.1 / 6])


@pytest.mark.parametrize("confidences", [CONFIDENCES, np.full(12, 0.5), np.where(SAID == 0, math.nan, CONFIDENCES)])
@pytest.mark.parametrize("batch_size", [1, 4, 7])
def test_keep_answers_batches_of_any_size_give_what_all_rows_at_once_give(batch_size, confidences):
    probabilities = make_probabilities(SAID, confidences)
    kept, whole = (answer_rows(probabilities, size) for size in (batch_size, 12))
    for name in ("class_indices", "probabilities", "digests", "looked_at", "pixels"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(whole, name), name)
    assert repr(sorted(kept.cells.items())) == repr(sorted(whole.cells.items()))  # NaN equals nothing
    wrong = [at for at in np.argsort(-confidences, kind="stable") if SAID[at] != TRUE[at]]
    assert [shown.position for shown in kept.mistakes] == wrong
    assert [shown.answer.row - 100 for shown in kept.mistakes] == wrong
    assert [shown.pixels[0, 0] for shown in kept.mistakes] == [10 * position for position in wrong]


def test_keep_answers_of_many_rows_a_few_thousand_pictures_stay():
    batches = (make_batch(start) for start in range(0, 9_000, 1_000))
    kept = keep_answers(batches, 9_000, DEFAULT_CLASS_NAMES)
    assert (kept.probabilities.shape, len(kept.mistakes), len(kept.cells)) == ((9_000, 7), 12, 1)
    assert kept.pixels.shape == (4_000, 48, 48)
    np.testing.assert_array_equal(kept.pixels[:, 0, 0], kept.looked_at % 256)
    # Of rows that are all as confident the first ones are shown.
    assert [shown.answer.row for shown in kept.mistakes] == list(range(12))


def make_batch(start: int) -> tuple[LabelledRows, np.ndarray]:
    """A thousand rows, each as grey as its position says, all of them answered wrongly."""
    positions = np.arange(start, start + 1_000)
    pixels = np.broadcast_to(positions.astype(np.uint8)[:, None, None], (1_000, 48, 48))
    rows = LabelledRows(pixels, np.zeros(1_000, np.int64), ("a.csv",) * 1_000, positions)
    return rows, make_probabilities(np.ones(1_000, np.int64), np.full(1_000, 0.5))


def test_keep_answers_cells_hold_right_answers_as_well_most_confident_first():
    cells = answer_rows(PROBABILITIES).cells
    assert {cell: [shown.position for shown in cells[cell]] for cell in ((0, 0), (6, 6))} == {
        (0, 0): [1, 0],
        (6, 6): [10],
    }
    assert sum(map(len, cells.values())) == 12


def test_compare_counts_the_rows_that_only_one_got_right():
    # The baseline is right in the rows 2 and 3 alone: the candidate in 3 as well, and in six others.
    said = np.where(np.isin(np.arange(12), [2, 3]), TRUE, (TRUE + 1) % 7)
    found = compare(PROBABILITIES, make_probabilities(said, np.full(12, 0.5)), TRUE, "/model/3", 0.01)
    assert (found.candidate_only, found.baseline_only, found.baseline_uri) == (6, 1, "/model/3")
    assert found.p_value == pytest.approx(2 * (1 + 7) / 2**7)
    assert found.accuracy.fraction == pytest.approx(2 / 12)
    assert [share.fraction for share in found.recalls] == pytest.approx([1 / 3, 1 / 2, 0, 0, 0, 0, 0])


def test_describe_robustness_sets_each_accuracy_against_the_clean_one():
    blur, eyes = describe_robustness({"box_blur_twice": 0.6, "eyes_masked": 0.2}, Share.of(0.8, 50))
    assert (blur.corruption, blur.description) == ("box_blur_twice", "blur, mean of 3 x 3 pixels, twice")
    assert (blur.accuracy, blur.relative) == (Share.of(0.6, 50), pytest.approx(0.75))
    assert eyes.relative == pytest.approx(0.25)


def test_describe_robustness_nothing_right_on_clean_pictures_gives_no_share():
    (blur,) = describe_robustness({"box_blur_twice": 0.1}, Share.of(0.0, 50))
    assert math.isnan(blur.relative)
