"""Our metrics through TFMA, on rows in memory."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2


def evaluate_rows(
    metrics: tuple[type, ...], true: Any, probabilities: np.ndarray, folder: Path
) -> dict[tuple, dict[str, float]]:
    """Metrics of int (n,) classes and float (n, 7) probabilities by slice, each by its default name.

    The slices are () and one for each class, as in (("emotion", 3),). `folder` gets TFMA's files.
    """
    configs = [
        config_pb2.MetricConfig(class_name=each.__name__, module=each.__module__, config=json.dumps({"code": "c"}))
        for each in metrics
    ]
    evaluation = tfma.analyze_raw_data(
        pd.DataFrame({"emotion": true, "probabilities": probabilities.tolist()}),
        config_pb2.EvalConfig(
            model_specs=[config_pb2.ModelSpec(label_key="emotion", prediction_key="probabilities")],
            slicing_specs=[config_pb2.SlicingSpec(), config_pb2.SlicingSpec(feature_keys=["emotion"])],
            metrics_specs=[config_pb2.MetricsSpec(metrics=configs)],
        ),
        output_path=str(folder),
    )
    # TFMA's reader goes through JSON, where a NaN is the text "NaN".
    return {
        key: {name: float(value["doubleValue"]) for name, value in by_output[""][""].items()}
        for key, by_output in evaluation.slicing_metrics
    }
