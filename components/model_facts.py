"""What page and card both say about a model: how it was trained and what it was made from."""

import json
import os
from typing import Any

from tfx.utils import io_utils

from components.data_figures import Artifacts
from fer_tfx.contract import EXTRA_ASSETS_DIR, TRAIN_SPLIT
from reporting.ingestion import IngestionReport
from reporting.report_data import Epoch, Lineage, TrainedSpan, TrainingFigures, UsedArtifact

# Settings that the training itself recorded.
_RECORDED = ("model", "trainer", "training_input")


def read_extra(model_dir: str, name: str) -> dict[str, Any]:
    """A JSON file beside an exported graph."""
    content: dict[str, Any] = json.loads(io_utils.read_string_file(os.path.join(model_dir, EXTRA_ASSETS_DIR, name)))
    return content


def read_training(record: dict[str, Any], rows: IngestionReport) -> TrainingFigures:
    """The training record of an exported model; records of earlier versions hold less.

    Args:
        record: from beside the graph.
        rows: the account of the newest span, for a record without the number of rows.
    """
    spans = tuple(
        TrainedSpan(each["span"], each["train_rows"], each["fingerprint"] or "") for each in record.get("spans", ())
    )
    return TrainingFigures(
        epochs=tuple(Epoch(**epoch) for epoch in record["history"]),
        parameters=record["parameters"],
        precision=record["precision"],
        train_rows=sum(each.train_rows for each in spans) or rows.split_size(TRAIN_SPLIT),
        warm_start=(record.get("warm_start") or {}).get("weights", ""),
        threads=tuple(record.get("threads", ())),
        device=record.get("device", ""),
        spans=spans,
    )


def describe_lineage(
    inputs: Artifacts, settings: dict[str, Any], record: dict[str, Any], stage_code: dict[str, str]
) -> Lineage:
    """What the model was made from; versions and settings are those of the training, with a tuner's values."""
    (examples,) = inputs["examples"]
    used = [(role, artifact) for role, artifacts in sorted(inputs.items()) for artifact in artifacts]
    return Lineage(
        input_fingerprint=examples.get_string_custom_property("input_fingerprint"),
        code=stage_code,
        versions=record.get("versions", {}),
        settings={**settings, **{name: record[name] for name in _RECORDED if name in record}},
        artifacts=tuple(UsedArtifact(role, each.type_name, each.id, each.uri) for role, each in used),
    )
