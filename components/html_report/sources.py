"""Artifacts -> the parts of the report that are not computed from pictures."""

import os

from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.evaluation_result import read_robustness
from components.model_facts import Artifacts
from components.refusals import REFUSAL_PROPERTY, find_refusals
from reporting.evaluation import describe_robustness
from reporting.report_data import Robustness, Share, Verdict
from reporting.serving_figures import FIGURES_FILE, ServingFigures


def read_verdict(inputs: Artifacts) -> Verdict:
    """Whether the model was pushed, where to, and why not."""
    evaluation, blessing, infra, pushed, model = (
        artifact_utils.get_single_instance(inputs[key])
        for key in ("evaluation", "model_blessing", "infra_blessing", "pushed_model", "model")
    )
    refusals = find_refusals(
        evaluation.uri,
        is_blessed=bool(blessing.get_int_custom_property("blessed")),
        infra_blessing=infra.uri,
        is_servable=bool(infra.get_int_custom_property("blessed")),
        is_pushed=bool(pushed.get_int_custom_property("pushed")),
        push_refusal=pushed.get_string_custom_property(REFUSAL_PROPERTY),
    )
    return Verdict(tuple(refusals), model.uri if refusals else pushed.get_string_custom_property("pushed_destination"))


def read_robustness_table(inputs: Artifacts, clean: Share) -> tuple[Robustness, ...]:
    """What the Evaluator measured on corrupted pictures, beside the accuracy on pictures as they are."""
    return describe_robustness(read_robustness(artifact_utils.get_single_uri(inputs["evaluation"])), clean)


def read_serving(inputs: Artifacts) -> ServingFigures | None:
    """What ServingCheck measured; None: the export could not be served."""
    path = os.path.join(artifact_utils.get_single_uri(inputs["infra_blessing"]), FIGURES_FILE)
    return ServingFigures.from_json(io_utils.read_string_file(path)) if fileio.exists(path) else None
