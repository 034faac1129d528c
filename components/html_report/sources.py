"""Artifacts -> the parts of the report that are not computed from pictures."""

import json
import os
import platform
from importlib.metadata import version
from typing import Any

from tfx import types
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.evaluation_result import read_robustness
from components.refusals import find_refusals
from reporting.evaluation import describe_robustness
from reporting.ingestion import IngestionReport
from reporting.report_data import (
    Epoch,
    Lineage,
    Robustness,
    Share,
    TrainingFigures,
    UsedArtifact,
    Verdict,
)
from reporting.serving_figures import FIGURES_FILE, ServingFigures
from schema.contract import EXTRA_ASSETS_DIR, TRAIN_SPLIT

_PACKAGES = ("tensorflow", "keras", "tfx", "apache-beam", "numpy")

Artifacts = dict[str, list[types.Artifact]]


def read_extra(model_dir: str, name: str) -> dict[str, Any]:
    """A JSON file that lies beside an exported graph."""
    content: dict[str, Any] = json.loads(io_utils.read_string_file(os.path.join(model_dir, EXTRA_ASSETS_DIR, name)))
    return content


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
    )
    return Verdict(tuple(refusals), model.uri if refusals else pushed.get_string_custom_property("pushed_destination"))


def read_training(record: dict[str, Any], rows: IngestionReport) -> TrainingFigures:
    """The training record of an exported model, with the number of rows that it was trained on."""
    return TrainingFigures(
        epochs=tuple(Epoch(**epoch) for epoch in record["history"]),
        parameters=record["parameters"],
        precision=record["precision"],
        train_rows=rows.split_size(TRAIN_SPLIT),
    )


def read_robustness_table(inputs: Artifacts, clean: Share) -> tuple[Robustness, ...]:
    """What the Evaluator measured on corrupted pictures, beside the accuracy on pictures as they are."""
    return describe_robustness(read_robustness(artifact_utils.get_single_uri(inputs["evaluation"])), clean)


def read_serving(inputs: Artifacts) -> ServingFigures | None:
    """What ServingCheck measured; None: the export could not be served."""
    path = os.path.join(artifact_utils.get_single_uri(inputs["infra_blessing"]), FIGURES_FILE)
    return ServingFigures.from_json(io_utils.read_string_file(path)) if fileio.exists(path) else None


def describe_lineage(
    inputs: Artifacts, settings: dict[str, Any], record: dict[str, Any], stage_code: dict[str, str]
) -> Lineage:
    """What the model was made of; a tuner's values stand in the settings, as the training record has them."""
    (examples,) = inputs["examples"]
    used = [(role, artifact) for role, artifacts in sorted(inputs.items()) for artifact in artifacts]
    return Lineage(
        input_fingerprint=examples.get_string_custom_property("input_fingerprint"),
        code=stage_code,
        versions={"Python": platform.python_version(), **{name: version(name) for name in _PACKAGES}},
        settings={**settings, "model": record["model"], "trainer": record["trainer"]},
        artifacts=tuple(UsedArtifact(role, each.type_name, each.id, each.uri) for role, each in used),
    )
