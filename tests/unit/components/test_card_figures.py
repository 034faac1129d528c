"""Figures of the card from real evaluations of twelve rows, worked out by hand."""

import math
from collections.abc import Callable
from pathlib import Path

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.utils import model_util
from tfx.types import standard_artifacts

from components.atomic_pusher import mark_references
from components.metrics.evaluation import read_confusion
from components.model_card import collect_figures, read_confidence
from configs.spec import GateConfig
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from pipeline.eval_config import build_eval_config
from reporting.calibration import compute_bin_sums, estimate_calibration_error
from reporting.intervals import paired_difference_interval, wilson_interval
from reporting.serving_figures import ServingFigures

TRUE = np.array([0, 0, 0, 1, 1, 2, 3, 3, 4, 6, 6, 6])
SAID = np.array([0, 0, 1, 1, 0, 2, 3, 6, 4, 4, 6, 3])  # 7 of 12 right; no row of class 5, surprise
BASELINE = np.array([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])  # 4 right: rows 0 and 1 as the candidate, 2 and 4 alone


def answer(said: np.ndarray) -> np.ndarray:
    """Probabilities (12, 7): 0.4 for the class that was said, 0.1 for each other."""
    probabilities = np.full((len(said), 7), 0.1)
    probabilities[np.arange(len(said)), said] = 0.4
    return probabilities


@pytest.fixture(scope="module")
def evaluate(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """A function that evaluates answers as TFX's Evaluator does: the folder of the evaluation."""

    def do(probabilities: np.ndarray, baseline: np.ndarray | None = None) -> str:
        config = tfma.utils.update_eval_config_with_defaults(
            build_eval_config(GateConfig(), ""), has_baseline=baseline is not None, rubber_stamp=True
        )
        columns = {"emotion": TRUE[:, np.newaxis], "probabilities": probabilities}
        if baseline is not None:
            config.model_specs[1].prediction_key = "of_baseline"
            columns["of_baseline"] = baseline
        folder: Path = tmp_path_factory.mktemp("evaluation")
        rows = pa.RecordBatch.from_pydict({name: pa.array(values.tolist()) for name, values in columns.items()})
        with pytest.MonkeyPatch.context() as patch, beam.Pipeline() as pipeline:
            # Rows in memory come with no model, which TFMA takes for a baseline that is missing.
            patch.setattr(model_util, "has_rubber_stamp", lambda models: True)
            _ = (
                pipeline
                | beam.Create([rows])
                | tfma.ExtractEvaluateAndWriteResults(eval_config=config, output_path=str(folder))
            )
        return str(folder)

    return do


@pytest.fixture(scope="module")
def alone(evaluate: Callable[..., str]) -> str:
    return evaluate(answer(SAID))


def test_read_figures_without_a_baseline_has_every_figure_and_no_change(alone):
    found = collect_figures(alone, DEFAULT_CLASS_NAMES)
    assert (found.accuracy.fraction, found.accuracy.count) == (pytest.approx(7 / 12, abs=1e-6), 12)
    assert (found.accuracy.low, found.accuracy.high) == pytest.approx(wilson_interval(7 / 12, 12), abs=1e-6)
    # Confidence is 0.4 in each row: one bin of 7 / 12 - 0.4, and what the fit of the temperature takes from that.
    estimate = estimate_calibration_error(compute_bin_sums(answer(SAID), TRUE), 12, is_fitted=True)
    assert estimate.value > 7 / 12 - 0.4
    measured = {each.title: each for each in found.measured}
    assert {title: each.value for title, each in measured.items()} == {
        "accuracy": pytest.approx(7 / 12),
        "macro F1": pytest.approx((4 / 6 + 2 / 4 + 1 + 2 / 4 + 2 / 3 + 0 + 2 / 5) / 7),
        "expected calibration error, 15 bins": pytest.approx(estimate.value),
        "negative log-likelihood, nats": pytest.approx(-(7 * math.log(0.4) + 5 * math.log(0.1)) / 12),
        # Right: 0.6^2 + 6 * 0.1^2; wrong: 0.9^2 + 0.4^2 + 5 * 0.1^2.
        "Brier score": pytest.approx((7 * 0.42 + 5 * 1.02) / 12),
        "mean accuracy on corrupted pictures": pytest.approx(math.nan, nan_ok=True),  # nobody asked about them
    }
    assert measured["accuracy"].interval == pytest.approx(wilson_interval(7 / 12, 12))
    assert measured["expected calibration error, 15 bins"].interval == pytest.approx(estimate.interval)
    assert measured["macro F1"].interval is None
    assert {each.count for each in found.measured} == {12}
    assert found.change is None


def test_read_figures_classes_have_recall_of_their_rows_and_precision_of_their_answers(alone):
    angry, surprise, neutral = (collect_figures(alone, DEFAULT_CLASS_NAMES).classes[index] for index in (0, 5, 6))
    assert (angry.name, angry.recall.fraction, angry.recall.count) == ("angry", pytest.approx(2 / 3, abs=1e-6), 3)
    assert (angry.precision.fraction, angry.precision.count) == (pytest.approx(2 / 3), 3)
    assert (neutral.recall.count, neutral.precision.fraction, neutral.precision.count) == (3, 0.5, 2)
    # Neither present nor said.
    assert (surprise.recall.low, surprise.recall.high, surprise.recall.count) == (0, 1, 0)
    assert (surprise.precision.low, surprise.precision.high, surprise.precision.count) == (0, 1, 0)


def test_read_confusion_counts_rows_by_true_and_said_class(alone):
    expected = np.zeros((7, 7), np.int64)
    np.add.at(expected, (TRUE, SAID), 1)
    np.testing.assert_array_equal(read_confusion(alone, 7), expected)


@pytest.fixture(scope="module")
def compared(evaluate: Callable[..., str]) -> str:
    return evaluate(answer(SAID), answer(BASELINE))


def test_read_figures_with_a_baseline_are_the_candidates(compared):
    found = collect_figures(compared, DEFAULT_CLASS_NAMES)
    assert found.accuracy.fraction == pytest.approx(7 / 12, abs=1e-6)
    assert [sum(counts) for counts in found.confusion] == [3, 2, 1, 2, 1, 0, 3]
    assert found.confusion[6] == (0, 0, 0, 1, 1, 0, 1)
    # Five rows that only the candidate got right, two that only the baseline did.
    assert found.change.value == pytest.approx(3 / 12)
    assert found.change.interval == pytest.approx(paired_difference_interval(5, 2, 12, level=0.99))


def test_read_figures_of_a_model_that_answers_nan_are_nan(evaluate):
    found = collect_figures(evaluate(np.full((12, 7), math.nan)), DEFAULT_CLASS_NAMES)
    assert all(math.isnan(each.value) for each in found.measured)


def test_read_confidence_shares_have_the_rows_that_they_are_of():
    calibration = {"temperature": 1.1, "abstain_threshold": 0.58, "abstain_accuracy": 0.8, "coverage": 0.25, "n": 40}
    found = read_confidence(calibration)
    assert (found.temperature, found.threshold) == (1.1, 0.58)
    assert (found.coverage.fraction, found.coverage.count) == (0.25, 40)
    assert (found.accuracy.fraction, found.accuracy.count) == (0.8, 10)


def test_mark_references_a_model_right_on_fewer_rows_than_the_anchor_is_no_anchor(evaluate, compared, tmp_path):
    (tmp_path / "serving.json").write_text(ServingFigures(1, 1.0, 1.0).to_json())
    marks = []
    others = (evaluate(answer(candidate), answer(SAID)) for candidate in (BASELINE, SAID))
    for evaluation in (compared, *others):
        pushed = standard_artifacts.PushedModel()
        mark_references(pushed, evaluation, str(tmp_path))
        marks.append(pushed.get_int_custom_property("is_no_worse"))
    assert marks == [1, 0, 1]
