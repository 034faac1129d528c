"""GateConfig -> what TFMA measures and which bounds a model must keep."""

import json

# TFMA exports these by its own name up to 0.47 only.
from tensorflow_model_analysis.proto import config_pb2

from components.accuracy_change_metric import CHANGE_HIGH_NAME, AccuracyChange
from components.calibration_metrics import (
    BRIER_SCORE_NAME,
    CALIBRATION_ERROR_NAME,
    LARGEST_BRIER_SCORE,
    LARGEST_NLL,
    NLL_NAME,
    BrierScore,
    CalibrationError,
    NegativeLogLikelihood,
)
from components.confusion_metrics import ACCURACY_NAME, MACRO_F1_NAME, Accuracy, MacroF1
from components.corruption_metric import CORRUPTED_ACCURACY_NAME, CorruptedAccuracy
from components.evaluation_result import EXAMPLE_COUNT_NAME
from configs.spec import GateConfig
from fer_tfx.contract import LABEL_KEY, PROBABILITIES_KEY, SERVE_EXAMPLES

METRIC_MODULES = tuple(each.__module__ for each in (MacroF1, CalibrationError, AccuracyChange, CorruptedAccuracy))
# The Evaluator imports it by name; so does its cache key hold the name alone.
EXTRACTOR_MODULE = "components.corruption_extractor"
# Whose edit must make the Evaluator run again.
EVALUATOR_MODULES = (*METRIC_MODULES, EXTRACTOR_MODULE)


def build_eval_config(gate: GateConfig, code: str) -> config_pb2.EvalConfig:
    """Measure raw examples through the signature that serves.

    Args:
        gate: the bounds.
        code: fingerprint of `EVALUATOR_MODULES`, so that an edit of them changes the Evaluator's cache key.
    """
    return config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(
                signature_name=SERVE_EXAMPLES,
                label_key=LABEL_KEY,
                prediction_key=PROBABILITIES_KEY,
                model_type="tf_generic",
            )
        ],
        # The accuracy within one true class is that class's recall.
        slicing_specs=[config_pb2.SlicingSpec(), config_pb2.SlicingSpec(feature_keys=[LABEL_KEY])],
        metrics_specs=[config_pb2.MetricsSpec(metrics=[*_stock_metrics(gate), *_own_metrics(gate, code)])],
    )


def _stock_metrics(gate: GateConfig) -> list[config_pb2.MetricConfig]:
    return [
        config_pb2.MetricConfig(
            class_name="ExampleCount",
            config=json.dumps({"name": EXAMPLE_COUNT_NAME}),
            per_slice_thresholds=[_overall(_at_least(gate.min_eval_rows))],
        ),
        config_pb2.MetricConfig(class_name="MultiClassConfusionMatrixPlot"),
    ]


def _own_metrics(gate: GateConfig, code: str) -> list[config_pb2.MetricConfig]:
    """Those without a setting have the bound of what they can be at all, so that a NaN is refused here too."""
    by_class = config_pb2.SlicingSpec(feature_keys=[LABEL_KEY])
    recall = config_pb2.PerSliceMetricThreshold(slicing_specs=[by_class], threshold=_at_least(gate.min_class_recall))
    return [
        _own_metric(Accuracy, ACCURACY_NAME, code, _at_least(gate.min_accuracy), recall),
        _own_metric(MacroF1, MACRO_F1_NAME, code, _at_least(gate.min_macro_f1)),
        _own_metric(CalibrationError, CALIBRATION_ERROR_NAME, code, _at_most(gate.max_ece)),
        _own_metric(NegativeLogLikelihood, NLL_NAME, code, _at_most(LARGEST_NLL)),
        _own_metric(BrierScore, BRIER_SCORE_NAME, code, _at_most(LARGEST_BRIER_SCORE)),
        _own_metric(CorruptedAccuracy, CORRUPTED_ACCURACY_NAME, code, _at_least(gate.min_corrupted_accuracy)),
        _own_metric(AccuracyChange, CHANGE_HIGH_NAME, code, _change_of_at_least(-gate.max_accuracy_drop)),
    ]


def _own_metric(
    metric: type,
    name: str,
    code: str,
    threshold: config_pb2.MetricThreshold,
    *by_slice: config_pb2.PerSliceMetricThreshold,
) -> config_pb2.MetricConfig:
    return config_pb2.MetricConfig(
        class_name=metric.__name__,
        module=metric.__module__,
        config=json.dumps({"name": name, "code": code}, sort_keys=True),
        per_slice_thresholds=[_overall(threshold), *by_slice],
    )


def _overall(threshold: config_pb2.MetricThreshold) -> config_pb2.PerSliceMetricThreshold:
    # A plain `threshold` would hold for every slice.
    return config_pb2.PerSliceMetricThreshold(slicing_specs=[config_pb2.SlicingSpec()], threshold=threshold)


def _at_least(bound: float) -> config_pb2.MetricThreshold:
    return config_pb2.MetricThreshold(value_threshold=config_pb2.GenericValueThreshold(lower_bound={"value": bound}))


def _at_most(bound: float) -> config_pb2.MetricThreshold:
    return config_pb2.MetricThreshold(value_threshold=config_pb2.GenericValueThreshold(upper_bound={"value": bound}))


def _change_of_at_least(bound: float) -> config_pb2.MetricThreshold:
    # TFX drops thresholds of this kind, and no others, when there is no baseline.
    return config_pb2.MetricThreshold(
        change_threshold=config_pb2.GenericChangeThreshold(
            direction=config_pb2.MetricDirection.HIGHER_IS_BETTER, absolute={"value": bound}
        )
    )
