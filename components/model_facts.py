"""What the page of a run and the card of its model both tell: how the model was trained and what it was made of."""

import json
import os
import platform
from importlib.metadata import version
from typing import Any

from tfx import types
from tfx.utils import io_utils

from reporting.ingestion import REPORT_FILE, IngestionReport
from reporting.report_data import Epoch, Lineage, TrainingFigures, UsedArtifact
from schema.contract import EXTRA_ASSETS_DIR, TRAIN_SPLIT

_PACKAGES = ("tensorflow", "keras", "tfx", "apache-beam", "numpy")

Artifacts = dict[str, list[types.Artifact]]


def read_extra(model_dir: str, name: str) -> dict[str, Any]:
    """A JSON file that lies beside an exported graph."""
    content: dict[str, Any] = json.loads(io_utils.read_string_file(os.path.join(model_dir, EXTRA_ASSETS_DIR, name)))
    return content


def read_rows(quarantine: str) -> IngestionReport:
    """The account of all rows, from the URI of the quarantine."""
    return IngestionReport.from_json(io_utils.read_string_file(os.path.join(quarantine, REPORT_FILE)))


def read_training(record: dict[str, Any], rows: IngestionReport) -> TrainingFigures:
    """The training record of an exported model, with the number of rows that it was trained on."""
    return TrainingFigures(
        epochs=tuple(Epoch(**epoch) for epoch in record["history"]),
        parameters=record["parameters"],
        precision=record["precision"],
        train_rows=rows.split_size(TRAIN_SPLIT),
        warm_start=(record.get("warm_start") or {}).get("weights", ""),  # models of earlier versions say nothing of it
    )


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
