"""The unweighted mean of the classes' F1 scores, for TFMA.

TFMA's own F1Score binarises at a probability threshold, so a class that wins with 0.4 counts as not
predicted. This one takes the most probable class, as the model's users do.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from tensorflow_model_analysis.metrics import metric_types, multi_class_confusion_matrix_metrics

from schema.contract import CLASS_COUNT

MACRO_F1_NAME = "macro_f1"


def compute_macro_f1(confusion: npt.NDArray[np.float64]) -> float:
    """Mean F1 over the classes of a confusion matrix (true class, predicted class).

    A class that was neither present nor predicted counts 0, as scikit-learn does by default.
    """
    hits = np.diag(confusion)
    said_plus_true = confusion.sum(axis=0) + confusion.sum(axis=1)
    return float(np.mean(np.divide(2 * hits, said_plus_true, out=np.zeros_like(hits), where=said_plus_true > 0)))


class MacroF1(metric_types.Metric):  # type: ignore[misc]
    """Derived from TFMA's multi-class confusion matrix."""

    def __init__(self, name: str = MACRO_F1_NAME, code: str = ""):
        """`code` is the fingerprint of this module, so that an edit changes the Evaluator's cache key."""
        super().__init__(_computations, name=name, code=code)


def _computations(
    name: str,
    code: str,
    eval_config: Any = None,
    model_names: list[str] | None = None,
    output_names: list[str] | None = None,
    example_weighted: bool = False,
    **_: Any,
) -> list[Any]:
    del code
    computations = []
    for model_name in model_names or [""]:
        for output_name in output_names or [""]:
            key = metric_types.MetricKey(
                name=name, model_name=model_name, output_name=output_name, example_weighted=example_weighted
            )
            counting = multi_class_confusion_matrix_metrics.multi_class_confusion_matrices(
                thresholds=[0.0],
                eval_config=eval_config,
                model_name=model_name,
                output_name=output_name,
                example_weighted=example_weighted,
            )
            matrices_key = counting[-1].keys[-1]
            computations += [*counting, _derive(key, matrices_key)]
    return computations


def _derive(key: Any, matrices_key: Any) -> Any:
    def result(metrics: dict[Any, Any]) -> dict[Any, float]:
        confusion = np.zeros((CLASS_COUNT, CLASS_COUNT))
        for entry, count in metrics[matrices_key][0.0].items():
            confusion[entry.actual_class_id, entry.predicted_class_id] += count
        return {key: compute_macro_f1(confusion)}

    return metric_types.DerivedMetricComputation(keys=[key], result=result)
