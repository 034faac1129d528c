"""Bounds of the gate as TFMA gets them: which holds for all rows, which for each class."""

import importlib
import json

import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import config_pb2

from components.metrics.base import SummedMetric
from components.metrics.registry import METRICS
from configs.spec import GateConfig
from pipeline.eval_config import EVALUATOR_MODULES, EXTRACTOR_MODULE, build_eval_config
from pipeline.fingerprint import _closure

GATE = GateConfig(
    min_accuracy=0.625,
    min_macro_f1=0.5,
    min_class_recall=0.25,
    max_ece=0.0625,
    min_corrupted_accuracy=0.375,
    max_accuracy_drop=0.125,
    min_eval_rows=7,
)
OVERALL, BY_CLASS = (), ("emotion",)


@pytest.fixture(scope="module")
def config() -> config_pb2.EvalConfig:
    return build_eval_config(GATE, "c0de")


def find_metric(config: config_pb2.EvalConfig, class_name: str) -> config_pb2.MetricConfig:
    (metric,) = [each for spec in config.metrics_specs for each in spec.metrics if each.class_name == class_name]
    return metric


def find_thresholds(metric: config_pb2.MetricConfig) -> dict[tuple[str, ...], config_pb2.MetricThreshold]:
    """Threshold by the columns it slices by."""
    return {
        tuple(slicing.feature_keys): each.threshold
        for each in metric.per_slice_thresholds
        for slicing in each.slicing_specs
    }


def test_build_eval_config_model_is_asked_through_the_signature_that_serves(config):
    (spec,) = config.model_specs
    assert (spec.signature_name, spec.label_key, spec.prediction_key) == ("serving_default", "emotion", "probabilities")


def test_build_eval_config_rows_are_measured_together_and_by_class(config):
    assert [tuple(each.feature_keys) for each in config.slicing_specs] == [OVERALL, BY_CLASS]


def test_build_eval_config_accuracy_has_one_bound_for_all_rows_and_one_for_each_class(config):
    metric = find_metric(config, "Accuracy")
    thresholds = find_thresholds(metric)
    assert json.loads(metric.config)["name"] == "accuracy"
    assert set(thresholds) == {OVERALL, BY_CLASS}
    assert thresholds[OVERALL].value_threshold.lower_bound.value == 0.625
    assert thresholds[BY_CLASS].value_threshold.lower_bound.value == 0.25


def test_build_eval_config_upper_end_of_the_change_alone_is_held_to_the_baseline(config):
    changes = {
        each.class_name: by_slice.threshold.change_threshold
        for each in config.metrics_specs[0].metrics
        for by_slice in each.per_slice_thresholds
        if by_slice.threshold.HasField("change_threshold")
    }
    assert set(changes) == {"AccuracyChange"}
    assert json.loads(find_metric(config, "AccuracyChange").config)["name"] == "accuracy_change_high"
    assert changes["AccuracyChange"].absolute.value == -0.125
    assert changes["AccuracyChange"].direction == config_pb2.MetricDirection.HIGHER_IS_BETTER


@pytest.mark.parametrize(
    ("class_name", "side", "bound"),
    [
        ("ExampleCount", "lower_bound", 7),
        ("MacroF1", "lower_bound", 0.5),
        ("CalibrationError", "upper_bound", 0.0625),
        ("CorruptedAccuracy", "lower_bound", 0.375),
        ("NegativeLogLikelihood", "upper_bound", 88.0),
        ("BrierScore", "upper_bound", 2.0),
    ],
)
def test_build_eval_config_metric_has_its_one_bound_over_all_rows_only(config, class_name, side, bound):
    thresholds = find_thresholds(find_metric(config, class_name))
    assert set(thresholds) == {OVERALL}
    assert getattr(thresholds[OVERALL].value_threshold, side).value == bound
    assert len(thresholds[OVERALL].value_threshold.ListFields()) == 1


def test_build_eval_config_our_metrics_carry_the_code_and_lie_in_the_modules_that_are_hashed(config):
    ours = [each for each in config.metrics_specs[0].metrics if each.module]
    assert {each.module for each in ours} == set(EVALUATOR_MODULES)
    assert {json.loads(each.config)["code"] for each in ours} == {"c0de"}


def test_metrics_of_ours_have_names_that_tfma_does_not_take_for_its_own():
    ours = {each.__name__ for each in METRICS if issubclass(each, SummedMetric)}
    assert "MacroF1" in ours
    assert ours & set(metric_types.registered_metrics()) == set()
    assert len({each.NAME for each in METRICS}) == len(METRICS)


def test_evaluator_modules_hold_whatever_the_corrupted_answers_follow_from():
    assert EXTRACTOR_MODULE in EVALUATOR_MODULES
    assert callable(importlib.import_module(EXTRACTOR_MODULE).custom_extractors)
    assert {"components.metrics.base", "reporting.corruptions"} <= _closure(EVALUATOR_MODULES)


def test_build_eval_config_no_bound_stands_where_it_would_hold_for_every_slice(config):
    for spec in config.metrics_specs:
        assert not spec.thresholds
        assert not spec.per_slice_thresholds
        assert not any(metric.HasField("threshold") for metric in spec.metrics)


def test_build_eval_config_other_code_changes_the_configuration_that_tfx_hashes():
    assert build_eval_config(GATE, "a").SerializeToString() != build_eval_config(GATE, "b").SerializeToString()


def test_build_eval_config_bound_of_zero_is_still_a_bound():
    thresholds = find_thresholds(find_metric(build_eval_config(GateConfig(min_class_recall=0.0), ""), "Accuracy"))
    assert thresholds[BY_CLASS].value_threshold.HasField("lower_bound")


@pytest.mark.parametrize("has_baseline", [True, False])
def test_build_eval_config_tfma_accepts_it_with_and_without_baseline(has_baseline):
    # As TFX's Evaluator does it.
    full = tfma.utils.update_eval_config_with_defaults(
        build_eval_config(GATE, ""), has_baseline=has_baseline, rubber_stamp=True
    )
    tfma.utils.verify_eval_config(full)
    assert find_thresholds(find_metric(full, "AccuracyChange"))[OVERALL].HasField("change_threshold") is has_baseline
    accuracy = find_thresholds(find_metric(full, "Accuracy"))[OVERALL]
    assert accuracy.value_threshold.lower_bound.value == 0.625
