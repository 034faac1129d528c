"""What the Evaluator measured and refused, read from its artifact. `evaluation` is the artifact's URI throughout."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow_model_analysis as tfma

from components.metrics.base import Values
from components.metrics.corrupted_accuracy import ACCURACY_NAMES
from components.metrics.registry import METRICS
from components.metrics.rows import ExampleCount
from fer_tfx.contract import LABEL_KEY
from reporting.intervals import Figure


def read_metrics(evaluation: str) -> dict[tuple[tuple[str, int], ...], Values]:
    """Plain metrics by slice: () overall, (("emotion", 3),) for a class."""
    result = tfma.load_eval_result(evaluation)
    # TFMA's reader goes through JSON, where a NaN is the text "NaN".
    return {
        slice_key: {name: float(value["doubleValue"]) for name, value in by_name.items() if "doubleValue" in value}
        for slice_key, by_output in result.slicing_metrics
        for by_name in [by_output[""][""]]
    }


def read_figures(evaluation: str) -> tuple[Figure, ...]:
    """The metrics that card and page list; an evaluation from before one of them was declared lacks it."""
    overall = read_metrics(evaluation)[()]
    count = int(overall[ExampleCount.NAME])
    return tuple(each.read_figure(overall, count) for each in METRICS if each.IS_LISTED and each.NAME in overall)


def read_confusion(evaluation: str, class_count: int) -> npt.NDArray[np.int64]:
    """Numbers of all rows by true class, then by the candidate's most probable class: int64 (classes, classes).

    A row without a probability above 0 has no such class and is left out.
    """
    confusion = np.zeros((class_count, class_count), np.int64)
    (overall,) = (plots for plots in tfma.load_plots(evaluation) if not plots.slice_key.single_slice_keys)
    for plot in overall.plot_keys_and_values:
        if plot.key.model_name != tfma.BASELINE_KEY:
            # TFMA's default is a single threshold, of 0.
            (matrix,) = plot.value.multi_class_confusion_matrix_at_thresholds.matrices
            for entry in matrix.entries:
                if entry.predicted_class_id != tfma.metrics.NO_PREDICTED_CLASS_ID:
                    confusion[entry.actual_class_id, entry.predicted_class_id] = round(entry.num_weighted_examples)
    return confusion


def read_robustness(evaluation: str) -> Values:
    """Accuracy on all rows by corruption, in the order of `CORRUPTIONS`; empty: an older run, that measured none."""
    overall = read_metrics(evaluation)[()]
    return {name: overall[metric] for name, metric in ACCURACY_NAMES.items() if metric in overall}


def explain_validation(evaluation: str, class_names: Sequence[str]) -> list[str]:
    """One sentence for each bound that was missed: of all rows first, then of each class in class order."""
    result = tfma.load_validation_result(evaluation)
    names = [each.NAME for each in METRICS]
    failures = [
        (_find_class(in_slice.slice_key), names.index(failure.metric_key.name), failure)
        for in_slice in (result.metric_validations_per_slice if result else ())
        for failure in in_slice.failures
        if failure.metric_key.name in names  # an old evaluation may have a metric that is gone
    ]
    overall = read_metrics(evaluation)[()] if failures else {}
    return [
        METRICS[metric].explain(failure, class_names[class_index] if class_index >= 0 else "", overall)
        for class_index, metric, failure in sorted(failures, key=lambda each: each[:2])
    ]


def _find_class(slice_key: Any) -> int:
    """Index of the class whose rows were measured; -1: all rows."""
    return next((single.int64_value for single in slice_key.single_slice_keys if single.column == LABEL_KEY), -1)
