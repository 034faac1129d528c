"""What the Evaluator measured, as its artifact has it."""

import numpy as np
import numpy.typing as npt
import tensorflow_model_analysis as tfma

from components.corruption_metric import ACCURACY_NAMES
from fer_tfx.contract import CLASS_COUNT

# The name that we give to TFMA's own metric.
EXAMPLE_COUNT_NAME = "example_count"


def read_metrics(evaluation: str) -> dict[tuple[tuple[str, int], ...], dict[str, float]]:
    """Plain metrics by slice: () overall, (("emotion", 3),) for a class.

    Args:
        evaluation: URI of the evaluation.
    """
    result = tfma.load_eval_result(evaluation)
    # TFMA's reader goes through JSON, where a NaN is the text "NaN".
    return {
        slice_key: {name: float(value["doubleValue"]) for name, value in by_name.items() if "doubleValue" in value}
        for slice_key, by_output in result.slicing_metrics
        for by_name in [by_output[""][""]]
    }


def read_confusion(evaluation: str) -> npt.NDArray[np.int64]:
    """Numbers of all rows by true class, then by the candidate's most probable class: int64 (7, 7).

    A row without a probability above 0 has no such class and is left out.

    Args:
        evaluation: URI of the evaluation.
    """
    confusion = np.zeros((CLASS_COUNT, CLASS_COUNT), np.int64)
    (overall,) = (plots for plots in tfma.load_plots(evaluation) if not plots.slice_key.single_slice_keys)
    for plot in overall.plot_keys_and_values:
        if plot.key.model_name != tfma.BASELINE_KEY:
            # TFMA's default is a single threshold, of 0.
            (matrix,) = plot.value.multi_class_confusion_matrix_at_thresholds.matrices
            for entry in matrix.entries:
                if entry.predicted_class_id != tfma.metrics.NO_PREDICTED_CLASS_ID:
                    confusion[entry.actual_class_id, entry.predicted_class_id] = round(entry.num_weighted_examples)
    return confusion


def read_robustness(evaluation: str) -> dict[str, float]:
    """Accuracy on all rows by corruption, in the order of `CORRUPTIONS`; empty: an older run, that measured none.

    Args:
        evaluation: URI of the evaluation.
    """
    overall = read_metrics(evaluation)[()]
    return {name: overall[metric] for name, metric in ACCURACY_NAMES.items() if metric in overall}
