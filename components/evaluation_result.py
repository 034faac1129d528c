"""What the Evaluator measured, as its artifact has it."""

import tensorflow_model_analysis as tfma

from components.corruption_metric import ACCURACY_NAMES

# The names that we give to TFMA's own metrics.
ACCURACY_NAME = "accuracy"
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


def read_robustness(evaluation: str) -> dict[str, float]:
    """Accuracy on all rows by corruption, in the order of `CORRUPTIONS`; empty: an older run, that measured none.

    Args:
        evaluation: URI of the evaluation.
    """
    overall = read_metrics(evaluation)[()]
    return {name: overall[metric] for name, metric in ACCURACY_NAMES.items() if metric in overall}
