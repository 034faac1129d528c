"""Why a model was not pushed, in the sentences that summary and report share."""

import os
from typing import Any

import tensorflow_model_analysis as tfma
from tfx.dsl.io import fileio
from tfx.utils import io_utils

from components.accuracy_change_metric import CHANGE_HIGH_NAME, CHANGE_LOW_NAME, CHANGE_NAME
from components.calibration_metrics import CALIBRATION_ERROR_NAME
from components.confusion_metrics import ACCURACY_NAME
from components.corruption_metric import CORRUPTED_ACCURACY_NAME
from components.evaluation_result import EXAMPLE_COUNT_NAME, read_metrics
from fer_tfx.contract import CLASS_NAMES, LABEL_KEY
from reporting.intervals import CHANGE_LEVEL
from reporting.serving_figures import FIGURES_FILE

REFUSAL_FILE = "INFRA_NOT_BLESSED"
# On a PushedModel: why Pusher didn't push a model that every gate let through, in one sentence.
REFUSAL_PROPERTY = "refusal"

_WORDS = {
    CALIBRATION_ERROR_NAME: "expected calibration error",
    CORRUPTED_ACCURACY_NAME: "mean accuracy on corrupted pictures",
    EXAMPLE_COUNT_NAME: "number of eval rows",
}
_FIRST = (EXAMPLE_COUNT_NAME, ACCURACY_NAME)


def find_refusals(
    evaluation: str,
    *,
    is_blessed: bool,
    infra_blessing: str,
    is_servable: bool,
    is_pushed: bool,
    push_refusal: str = "",
) -> list[str]:
    """One sentence for each bound that was missed; empty: the model was pushed.

    Args:
        evaluation: URI of the Evaluator's evaluation.
        is_blessed: whether the Evaluator gave its blessing.
        infra_blessing: URI of ServingCheck's blessing.
        is_servable: whether ServingCheck gave it.
        is_pushed: whether Pusher pushed.
        push_refusal: why not, as Pusher says it.
    """
    refusals = [] if is_blessed else explain_validation(evaluation) or ["the Evaluator gave no blessing"]
    if not is_servable:
        refusals += _explain_infra(infra_blessing)
    if not refusals and not is_pushed:
        return [push_refusal or "Pusher did not push, though every gate let the model through"]
    return refusals


def explain_validation(evaluation: str) -> list[str]:
    """One sentence for each bound that was missed: of all rows first, then of each class in class order.

    Args:
        evaluation: URI of the Evaluator's evaluation.
    """
    result = tfma.load_validation_result(evaluation)
    if not result:
        return []
    failures = [
        (_find_class(in_slice.slice_key), failure)
        for in_slice in result.metric_validations_per_slice
        for failure in in_slice.failures
    ]
    failures.sort(key=lambda each: (each[0], _rank(each[1].metric_key.name)))
    return [_explain(class_index, failure, evaluation) for class_index, failure in failures]


def _explain_infra(blessing: str) -> list[str]:
    reason = io_utils.read_string_file(os.path.join(blessing, REFUSAL_FILE))
    # Figures lie there only if the export could be served: then the reasons are the bounds that it missed.
    is_servable = fileio.exists(os.path.join(blessing, FIGURES_FILE))
    return reason.splitlines() if is_servable else [f"the export can't be served: {reason}"]


def _find_class(slice_key: tfma.proto.metrics_for_slice_pb2.SliceKey) -> int:
    """Index of the class whose rows were measured; -1: all rows."""
    return next((single.int64_value for single in slice_key.single_slice_keys if single.column == LABEL_KEY), -1)


def _rank(name: str) -> tuple[int, str]:
    return _FIRST.index(name) if name in _FIRST else len(_FIRST), name


def _explain(class_index: int, failure: Any, evaluation: str) -> str:
    name = failure.metric_key.name
    # The accuracy within one true class is that class's recall.
    what = f"recall of {CLASS_NAMES[class_index]}" if class_index >= 0 else _WORDS.get(name, name)
    if not failure.HasField("metric_value"):
        return f"{what} was not measured"
    if name == CHANGE_HIGH_NAME:
        return _explain_change(failure.metric_threshold.change_threshold.absolute.value, evaluation)
    digits = 0 if name == EXAMPLE_COUNT_NAME else 4
    bound = failure.metric_threshold.value_threshold
    side, value = ("at least", bound.lower_bound) if bound.HasField("lower_bound") else ("at most", bound.upper_bound)
    return f"{what} is {failure.metric_value.double_value.value:.{digits}f}, {side} {value.value:.{digits}f}"


def _explain_change(bound: float, evaluation: str) -> str:
    overall = read_metrics(evaluation)[()]
    # TFMA's reader appends `_diff` to the names of differences.
    change, low, high = (overall[f"{name}_diff"] for name in (CHANGE_NAME, CHANGE_LOW_NAME, CHANGE_HIGH_NAME))
    return (
        f"accuracy changed by {change:+.4f} against the anchor, at least {bound:+.4f}"
        f" within the {CHANGE_LEVEL * 100:.0f} % interval from {low:+.4f} to {high:+.4f}"
    )
