"""Copies a pushed model and the statistics of its data to the place that all runs share, and back."""

import json
import os
from typing import Any

from absl import logging
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.artifacts import ABSENT_PROPERTY
from components.baseline_record import read_latest, write_latest
from components.model_digest import compute_model_digest

FOLDER_KEY = "baseline_folder"
MODEL_KEY, STATISTICS_KEY, RECORD_KEY = "model", "statistics", "record"
RECORD_FILE = "baseline.json"
_COPIED = (MODEL_KEY, STATISTICS_KEY)

Artifacts = dict[str, list[types.Artifact]]


class Reader(base_executor.BaseExecutor):  # type: ignore[misc]
    """Fills both outputs, or marks both as absent."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        self._log_startup(input_dict, output_dict, exec_properties)
        record = read_latest(exec_properties[FOLDER_KEY])
        outputs = {key: artifact_utils.get_single_instance(output_dict[key]) for key in _COPIED}
        for key, artifact in outputs.items():
            artifact.set_int_custom_property(ABSENT_PROPERTY, int(not record))
            if record:
                io_utils.copy_dir(os.path.join(record["folder"], key), artifact.uri)
            else:  # a folder without files is none in a bucket
                io_utils.write_string_file(os.path.join(artifact.uri, "ABSENT"), "")
        outputs[STATISTICS_KEY].split_names = artifact_utils.encode_split_names(record.get("splits", []))
        logging.info("Baseline: %s", record or "none was pushed yet")


class Writer(base_executor.BaseExecutor):  # type: ignore[misc]
    """Copies what was pushed, then makes it the latest."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        self._log_startup(input_dict, output_dict, exec_properties)
        pushed = artifact_utils.get_single_instance(input_dict["pushed_model"])
        record: dict[str, Any] = {}
        if pushed.get_int_custom_property("pushed"):
            copied = {key: artifact_utils.get_single_instance(input_dict[key]) for key in _COPIED}
            destination = pushed.get_string_custom_property("pushed_destination")
            record = publish(exec_properties[FOLDER_KEY], destination, copied)
        text = json.dumps(record, sort_keys=True)
        io_utils.write_string_file(
            os.path.join(artifact_utils.get_single_uri(output_dict[RECORD_KEY]), RECORD_FILE), text
        )


def publish(folder: str, destination: str, artifacts: dict[str, types.Artifact]) -> dict[str, Any]:
    """Copy the artifacts and make them the baseline; the record.

    Args:
        folder: that all runs share.
        destination: where the model was pushed to; its last part is the version.
        artifacts: by `model` and `statistics`.
    """
    latest = read_latest(folder)
    if latest.get("destination") == destination:  # nothing new was pushed
        return latest
    version = os.path.basename(destination.rstrip("/"))  # noqa: PTH119
    for key, artifact in artifacts.items():
        io_utils.copy_dir(artifact.uri, os.path.join(folder, version, key))
    splits = artifact_utils.decode_split_names(artifacts[STATISTICS_KEY].split_names)
    digest = compute_model_digest(artifacts[MODEL_KEY].uri)
    record = {"version": version, "destination": destination, "digest": digest, "splits": splits}
    write_latest(folder, record)
    return record
