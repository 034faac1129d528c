"""GateConfig -> what TFMA measures and which bounds a model must keep."""

import json

import tensorflow_model_analysis as tfma

from components.macro_f1 import MACRO_F1_NAME, MacroF1
from configs.spec import GateConfig
from schema.contract import LABEL_KEY, PROBABILITIES_KEY, SERVE_EXAMPLES

ACCURACY_NAME = "accuracy"
CONFUSION_NAME = "multi_class_confusion_matrix_plot"


def build_eval_config(gate: GateConfig, code: str) -> tfma.EvalConfig:
    """Measure raw examples through the signature that serves.

    Args:
        gate: the bounds.
        code: fingerprint of our own metric, so that an edit of it changes the Evaluator's cache key.
    """
    return tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(
                signature_name=SERVE_EXAMPLES,
                label_key=LABEL_KEY,
                prediction_key=PROBABILITIES_KEY,
                model_type="tf_generic",
            )
        ],
        # The accuracy within one true class is that class's recall.
        slicing_specs=[tfma.SlicingSpec(), tfma.SlicingSpec(feature_keys=[LABEL_KEY])],
        metrics_specs=[
            tfma.MetricsSpec(
                metrics=[
                    tfma.MetricConfig(class_name="ExampleCount"),
                    tfma.MetricConfig(class_name="SparseCategoricalCrossentropy"),
                    tfma.MetricConfig(class_name="MultiClassConfusionMatrixPlot"),
                    _accuracy(gate),
                    _macro_f1(gate, code),
                ]
            )
        ],
    )


def _accuracy(gate: GateConfig) -> tfma.MetricConfig:
    # A plain `threshold` would hold for every slice: these two say for which.
    overall = tfma.MetricThreshold(
        value_threshold=tfma.GenericValueThreshold(lower_bound={"value": gate.min_accuracy}),
        change_threshold=tfma.GenericChangeThreshold(
            direction=tfma.MetricDirection.HIGHER_IS_BETTER, absolute={"value": -gate.max_accuracy_drop}
        ),
    )
    of_class = tfma.MetricThreshold(
        value_threshold=tfma.GenericValueThreshold(lower_bound={"value": gate.min_class_recall})
    )
    return tfma.MetricConfig(
        class_name="SparseCategoricalAccuracy",
        config=json.dumps({"name": ACCURACY_NAME}),
        per_slice_thresholds=[
            tfma.PerSliceMetricThreshold(slicing_specs=[tfma.SlicingSpec()], threshold=overall),
            tfma.PerSliceMetricThreshold(
                slicing_specs=[tfma.SlicingSpec(feature_keys=[LABEL_KEY])], threshold=of_class
            ),
        ],
    )


def _macro_f1(gate: GateConfig, code: str) -> tfma.MetricConfig:
    overall = tfma.MetricThreshold(value_threshold=tfma.GenericValueThreshold(lower_bound={"value": gate.min_macro_f1}))
    return tfma.MetricConfig(
        class_name=MacroF1.__name__,
        module=MacroF1.__module__,
        config=json.dumps({"name": MACRO_F1_NAME, "code": code}, sort_keys=True),
        per_slice_thresholds=[
            tfma.PerSliceMetricThreshold(slicing_specs=[tfma.SlicingSpec()], threshold=overall),
        ],
    )
