"""Models that must not pass, each as made-up predictions that TFMA really evaluates, and what is said of them."""

from collections.abc import Iterator

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.evaluators import metrics_validator
from tensorflow_model_analysis.metrics import metric_specs
from tensorflow_model_analysis.utils import model_util
from tfx.utils import io_utils

from components.metrics.corrupted_accuracy import ANSWERS_KEY
from components.metrics.evaluation import explain_validation
from configs.spec import GateConfig
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from pipeline.eval_config import build_eval_config

GATE = GateConfig()
TRUE = np.arange(350) % len(DEFAULT_CLASS_NAMES)  # 50 rows of each class


def be_sure(said: np.ndarray, confidence: float) -> np.ndarray:
    """Probabilities (n, 7) with `confidence` for the class that was said and equal shares for the others."""
    probabilities = np.full((len(said), len(DEFAULT_CLASS_NAMES)), (1 - confidence) / (len(DEFAULT_CLASS_NAMES) - 1))
    probabilities[np.arange(len(said)), said] = confidence
    return probabilities


def miss(*rows: int) -> np.ndarray:
    """What is said by a model that is right but in these rows, where it says the next class."""
    said = TRUE.copy()
    said[list(rows)] = (said[list(rows)] + 1) % len(DEFAULT_CLASS_NAMES)
    return said


ROBUST = np.repeat(TRUE[:, np.newaxis], 8, axis=1)  # right under each of the eight corruptions
SOUND = be_sure(miss(*range(35)), 0.9)  # right in 9 of 10 rows and as sure of it


def corrupted_column(answers: np.ndarray | None, true: np.ndarray) -> dict[str, np.ndarray]:
    return {} if answers is None else {ANSWERS_KEY: answers[: len(true)]}


class Judge:
    """Feeds predictions to the gate as TFX's Evaluator does."""

    def __init__(self, folder):
        self._folder = folder
        self._count = 0

    def __call__(self, probabilities, baseline=None, gate=GATE, true=TRUE, corrupted=ROBUST) -> list[str]:
        """The sentences of the refusal; none: blessed."""
        config = tfma.utils.update_eval_config_with_defaults(
            build_eval_config(gate, ""), has_baseline=baseline is not None, rubber_stamp=True
        )
        columns = {"emotion": true[:, np.newaxis], "probabilities": probabilities, **corrupted_column(corrupted, true)}
        if baseline is not None:
            config.model_specs[1].prediction_key = "of_baseline"
            columns["of_baseline"] = baseline
        self._count += 1
        folder = str(self._folder / str(self._count))
        # Not by way of pandas as in `tfma.analyze_raw_data`, which makes a missing value of a NaN.
        rows = pa.RecordBatch.from_pydict({name: pa.array(values.tolist()) for name, values in columns.items()})
        with beam.Pipeline() as pipeline:
            _ = (
                pipeline
                | beam.Create([rows])
                | tfma.ExtractEvaluateAndWriteResults(eval_config=config, output_path=folder)
            )
        # As on a cluster, where the evaluation lies in a bucket.
        io_utils.copy_dir(folder, f"ram:/{folder}")
        reasons = explain_validation(f"ram:/{folder}", DEFAULT_CLASS_NAMES)
        assert tfma.load_validation_result(folder).validation_ok is not bool(reasons)
        return reasons


@pytest.fixture(scope="module")
def judge(tmp_path_factory) -> Iterator[Judge]:
    with pytest.MonkeyPatch.context() as patch:
        # Rows in memory come with no model, which TFMA takes for a baseline that is missing.
        patch.setattr(model_util, "has_rubber_stamp", lambda models: True)
        yield Judge(tmp_path_factory.mktemp("evaluations"))


def test_gate_sound_model_passes(judge):
    assert judge(SOUND) == []


def test_gate_constant_model_is_refused_for_accuracy_f1_and_each_other_class(judge):
    reasons = judge(be_sure(np.full_like(TRUE, 3), 1 / 7 + 1e-6))
    assert reasons == [
        "accuracy is 0.1429, at least 0.5000",
        # One F1 of 2 * 50 / (350 + 50) among seven.
        "macro F1 is 0.0357, at least 0.4000",
        *(
            f"recall of {name} is 0.0000, at least 0.1000"
            for name in ("angry", "disgust", "fear", "sad", "surprise", "neutral")
        ),
    ]


def test_gate_model_of_shuffled_labels_is_refused_for_accuracy_f1_and_calibration(judge):
    said = np.random.default_rng(7).permutation(TRUE)
    reasons = judge(be_sure(said, 0.9))
    accuracy = np.mean(said == TRUE)
    assert accuracy < 0.25
    assert reasons[0] == f"accuracy is {accuracy:.4f}, at least 0.5000"
    assert reasons[1].startswith("macro F1 is 0.")
    assert reasons[2] == f"expected calibration error is {0.9 - accuracy:.4f}, at most 0.1500"


def test_gate_model_that_says_nan_once_is_refused_for_each_metric_of_ours(judge):
    probabilities = SOUND.copy()
    probabilities[-1] = np.nan
    reasons = judge(probabilities, baseline=SOUND)
    for sentence in (
        "expected calibration error is nan, at most 0.1500",
        "macro F1 is nan, at least 0.4000",
        "negative log-likelihood is nan, at most 88.0000",
        "Brier score is nan, at most 2.0000",
        "accuracy changed by +nan against the anchor, at least -0.0100 within the 99 % interval from +nan to +nan",
    ):
        assert sentence in reasons


def test_gate_model_that_is_useless_on_one_class_is_refused_for_that_class_alone(judge):
    said = TRUE.copy()
    said[TRUE == 1] = 0
    assert judge(be_sure(said, 0.85)) == ["recall of disgust is 0.0000, at least 0.1000"]


def test_gate_overconfident_model_is_refused_for_calibration_alone(judge):
    # 280 of 350 right, sure of each as if of all: 0.99 - 0.8.
    assert judge(be_sure(miss(*range(70)), 0.99)) == ["expected calibration error is 0.1900, at most 0.1500"]


def test_gate_too_few_rows_is_refused_for_their_number(judge):
    assert judge(SOUND[:70], true=TRUE[:70], gate=GateConfig(max_ece=1.0)) == [
        "number of eval rows is 70, at least 100"
    ]


def test_gate_class_without_rows_is_no_reason_to_refuse(judge):
    has_row = TRUE != 1
    sound = be_sure(TRUE[has_row], 0.95)
    gate = GateConfig(min_class_recall=1.0)
    assert judge(sound, true=TRUE[has_row], gate=gate, corrupted=ROBUST[has_row]) == []


def test_gate_regressed_model_is_refused_with_change_and_interval(judge):
    # 35 rows lost, none won: (1 - 36) / 352 -/+ 2.575829 * sqrt((37 / 352 - (35 / 352) ** 2) / 352).
    assert judge(be_sure(miss(*range(70)), 0.8), baseline=SOUND) == [
        "accuracy changed by -0.1000 against the anchor, at least -0.0100 within the 99 % interval from"
        " -0.1418 to -0.0571"
    ]


def test_gate_equal_model_within_noise_passes(judge):
    # 4 rows won and 10 lost: 1.7 points less, more than the one point allowed, but the interval ends at +0.0121.
    candidate = be_sure(miss(*range(4, 45)), 0.88)
    assert judge(candidate, baseline=SOUND) == []


def test_gate_better_model_passes_a_baseline_with_unsound_rows(judge):
    baseline = SOUND.copy()
    baseline[0] = np.nan
    assert judge(SOUND, baseline=baseline) == []


def test_gate_rows_that_were_not_asked_about_corruptions_are_refused(judge):
    assert judge(SOUND, corrupted=None) == ["mean accuracy on corrupted pictures is nan, at least 0.3500"]


@pytest.mark.parametrize("has_baseline", [False, True])
def test_gate_nan_in_any_bounded_metric_is_a_failure_of_it(has_baseline):
    """Whatever a metric does with unsound rows: a NaN never passes."""
    config = tfma.utils.update_eval_config_with_defaults(
        build_eval_config(GATE, ""), has_baseline=has_baseline, rubber_stamp=True
    )
    bounded = [
        key for key in metric_specs.metric_thresholds_from_metrics_specs(config.metrics_specs, config)
        if key.model_name in ("", "candidate")
    ]  # fmt: skip
    for slice_key, names in (
        (
            (),
            {"example_count", "accuracy", "macro_f1", "calibration_error", "nll", "brier_score", "corrupted_accuracy"},
        ),
        ((("emotion", 3),), {"accuracy"}),
    ):
        found = metrics_validator.validate_metrics((slice_key, dict.fromkeys(bounded, np.nan)), config)
        failed = [each.metric_key.name for part in found.metric_validations_per_slice for each in part.failures]
        change = {"accuracy_change_high"} if has_baseline and not slice_key else set()
        assert set(failed) == names | change
