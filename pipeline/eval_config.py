"""GateConfig -> what TFMA measures and which bounds a model must keep."""

# TFMA exports these by its own name up to 0.47 only.
from tensorflow_model_analysis.proto import config_pb2

from components.metrics import corrupted_accuracy
from components.metrics.registry import METRICS
from configs.spec import GateConfig
from fer_tfx.contract import LABEL_KEY, PROBABILITIES_KEY, SERVE_EXAMPLES

# The Evaluator imports it by name, so its cache key holds the name alone.
EXTRACTOR_MODULE = corrupted_accuracy.__name__
# Whose edit must make the Evaluator run again.
EVALUATOR_MODULES = tuple(dict.fromkeys(each.__module__ for each in METRICS))


def build_eval_config(gate: GateConfig, code: str) -> config_pb2.EvalConfig:
    """Measure raw examples through the signature that serves.

    `code` is the fingerprint of `EVALUATOR_MODULES`, so that an edit of them changes the Evaluator's cache key.
    """
    metrics = [each.build_config(gate, code) for each in METRICS]
    model = config_pb2.ModelSpec(
        signature_name=SERVE_EXAMPLES, label_key=LABEL_KEY, prediction_key=PROBABILITIES_KEY, model_type="tf_generic"
    )
    metrics.insert(1, config_pb2.MetricConfig(class_name="MultiClassConfusionMatrixPlot"))
    return config_pb2.EvalConfig(
        model_specs=[model],
        slicing_specs=[config_pb2.SlicingSpec(), config_pb2.SlicingSpec(feature_keys=[LABEL_KEY])],
        metrics_specs=[config_pb2.MetricsSpec(metrics=metrics)],
    )
