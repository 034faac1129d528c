"""Why a model was not pushed, in the sentences that summary and report share."""

import os

import tensorflow_model_analysis as tfma
from tfx.utils import io_utils

from schema.contract import CLASS_NAMES, LABEL_KEY

REFUSAL_FILE = "INFRA_NOT_BLESSED"


def find_refusals(
    evaluation: str, *, is_blessed: bool, infra_blessing: str, is_servable: bool, is_pushed: bool
) -> list[str]:
    """One sentence for each bound that was missed; empty: the model was pushed.

    Args:
        evaluation: URI of the Evaluator's evaluation.
        is_blessed: whether the Evaluator gave its blessing.
        infra_blessing: URI of ServingCheck's blessing.
        is_servable: whether ServingCheck gave it.
        is_pushed: whether Pusher pushed.
    """
    refusals = [] if is_blessed else _explain_validation(evaluation) or ["the Evaluator gave no blessing"]
    if not is_servable:
        reason = io_utils.read_string_file(os.path.join(infra_blessing, REFUSAL_FILE))
        refusals.append(f"the export can't be served: {reason}")
    if not refusals and not is_pushed:
        return ["Pusher did not push, though every gate let the model through"]
    return refusals


def _explain_validation(evaluation: str) -> list[str]:
    result = tfma.load_validation_result(evaluation)
    if not result:
        return []
    reasons = []
    for in_slice in result.metric_validations_per_slice:
        where = _describe_slice(in_slice.slice_key)
        for failure in in_slice.failures:
            name = "recall" if where else failure.metric_key.name  # the accuracy within one true class
            value = failure.metric_value.double_value.value
            threshold = failure.metric_threshold
            if failure.metric_key.is_diff:
                bound = threshold.change_threshold.absolute.value
                reasons.append(f"{name}{where} changed by {value:+.4f} against the baseline, at least {bound:+.4f}")
            else:
                bound = threshold.value_threshold.lower_bound.value
                reasons.append(f"{name}{where} is {value:.4f}, at least {bound:.4f}")
    return reasons


def _describe_slice(slice_key: tfma.proto.metrics_for_slice_pb2.SliceKey) -> str:
    classes = [CLASS_NAMES[single.int64_value] for single in slice_key.single_slice_keys if single.column == LABEL_KEY]
    return f" of {classes[0]}" if classes else ""
