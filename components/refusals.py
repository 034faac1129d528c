"""Why a model was not pushed, in the sentences that summary, card and page share."""

import os

from tfx import types
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.metrics.evaluation import explain_validation
from reporting.serving_figures import FIGURES_FILE

REFUSAL_FILE = "INFRA_NOT_BLESSED"
# On a PushedModel: why Pusher didn't push a model that passed every gate, in one sentence.
REFUSAL_PROPERTY = "refusal"


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
        reason = io_utils.read_string_file(os.path.join(infra_blessing, REFUSAL_FILE))
        # Figures are there only if the export could be served: then the reasons are the bounds that it missed.
        has_figures = fileio.exists(os.path.join(infra_blessing, FIGURES_FILE))
        refusals += reason.splitlines() if has_figures else [f"the export can't be served: {reason}"]
    if not refusals and not is_pushed:
        return [push_refusal or "Pusher did not push, though the model passed every gate"]
    return refusals


def read_refusals(inputs: dict[str, list[types.Artifact]]) -> tuple[str, ...]:
    """`find_refusals` of the artifacts `evaluation`, `model_blessing`, `infra_blessing` and, if there yet,
    `pushed_model`."""
    evaluation, blessing, infra = (
        artifact_utils.get_single_instance(inputs[key]) for key in ("evaluation", "model_blessing", "infra_blessing")
    )
    pushed = inputs.get("pushed_model")
    refusals = find_refusals(
        evaluation.uri,
        is_blessed=bool(blessing.get_int_custom_property("blessed")),
        infra_blessing=infra.uri,
        is_servable=bool(infra.get_int_custom_property("blessed")),
        is_pushed=not pushed or bool(pushed[0].get_int_custom_property("pushed")),
        push_refusal=pushed[0].get_string_custom_property(REFUSAL_PROPERTY) if pushed else "",
    )
    return tuple(refusals)
