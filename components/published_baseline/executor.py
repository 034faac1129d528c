"""Copies what was accepted to the folder that all runs share, and back."""

import dataclasses
import json
import os
import time
from collections.abc import Callable
from typing import Any

from absl import logging
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components import acceptance
from components.acceptance import AcceptanceRecord, Push, RecordedPush, locate_model, read_record, write_record
from components.artifacts import ABSENT_PROPERTY
from components.bucket_versions import is_destination_whole
from components.remote_files import read_files
from fer_tfx.versions.model_digest import compute_digest

FOLDER_KEY = "baseline_folder"
MODEL_KEY, STATISTICS_KEY, PUSHED_KEY, RECORD_KEY = "model", "statistics", "pushed_model", "record"
_REFERENCES: dict[str, Callable[[list[Push]], Push | None]] = {
    MODEL_KEY: acceptance.find_anchor,
    "latency_model": acceptance.find_latency_reference,
    "service_model": lambda pushes: acceptance.find_in_service(pushes, is_destination_whole),
}
MODEL_KEYS = tuple(_REFERENCES)
RECORD_FILE = "baseline.json"

Artifacts = dict[str, list[types.Artifact]]


class Reader(base_executor.BaseExecutor):  # type: ignore[misc]
    """Fills each output, or marks it as absent."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        self._log_startup(input_dict, output_dict, exec_properties)
        folder = exec_properties[FOLDER_KEY]
        record = read_record(folder)
        pushes = [each for each in record.list_pushes() if fileio.exists(locate_model(folder, each.model))]
        for key, find in _REFERENCES.items():
            found = find(pushes)
            _fill(output_dict[key], locate_model(folder, found.model) if found else "")
            logging.info("%s: %s", key, found.version if found else "none yet")
        _fill(output_dict[STATISTICS_KEY], os.path.join(folder, record.statistics) if record.statistics else "")
        statistics = artifact_utils.get_single_instance(output_dict[STATISTICS_KEY])
        statistics.split_names = artifact_utils.encode_split_names(list(record.splits))


def _fill(artifacts: list[types.Artifact], source: str) -> None:
    """Copy `source` into the one artifact; empty: mark it as absent."""
    artifact = artifact_utils.get_single_instance(artifacts)
    artifact.set_int_custom_property(ABSENT_PROPERTY, int(not source))
    if source:
        io_utils.copy_dir(source, artifact.uri)
    else:  # in a bucket there are no folders without files
        io_utils.write_string_file(os.path.join(artifact.uri, "ABSENT"), "")


class Writer(base_executor.BaseExecutor):  # type: ignore[misc]
    """Copies what was accepted, then records it."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        self._log_startup(input_dict, output_dict, exec_properties)
        folder = exec_properties[FOLDER_KEY]
        before = record = read_record(folder)
        if input_dict.get(STATISTICS_KEY):
            record = _add_statistics(folder, record, artifact_utils.get_single_instance(input_dict[STATISTICS_KEY]))
        if input_dict.get(PUSHED_KEY):
            model, pushed = (artifact_utils.get_single_instance(input_dict[key]) for key in (MODEL_KEY, PUSHED_KEY))
            record = _add_push(folder, record, model.uri, pushed)
        if record != before:
            write_record(folder, record)
        path = os.path.join(artifact_utils.get_single_uri(output_dict[RECORD_KEY]), RECORD_FILE)
        io_utils.write_string_file(path, json.dumps(dataclasses.asdict(record), sort_keys=True))


def _add_statistics(folder: str, record: AcceptanceRecord, statistics: types.Artifact) -> AcceptanceRecord:
    name = f"statistics/{compute_digest(read_files(statistics.uri))[:16]}"
    if name != record.statistics:
        io_utils.copy_dir(statistics.uri, os.path.join(folder, name))
    splits = tuple(artifact_utils.decode_split_names(statistics.split_names))
    return dataclasses.replace(record, statistics=name, splits=splits)


def _add_push(folder: str, record: AcceptanceRecord, model_uri: str, pushed: types.Artifact) -> AcceptanceRecord:
    destination = pushed.get_string_custom_property("pushed_destination")
    known = {each.destination for each in record.pushes}
    if not pushed.get_int_custom_property("pushed") or destination in known:  # nothing new was pushed
        return record
    push = RecordedPush(
        version=os.path.basename(destination.rstrip("/")),  # noqa: PTH119
        destination=destination,
        digest=pushed.get_string_custom_property(acceptance.DIGEST_PROPERTY),
        pushed_ms=int(time.time() * 1000),
        is_no_worse=bool(pushed.get_int_custom_property(acceptance.NO_WORSE_PROPERTY)),
        is_no_slower=bool(pushed.get_int_custom_property(acceptance.NO_SLOWER_PROPERTY)),
    )
    io_utils.copy_dir(model_uri, locate_model(folder, push.version))
    return dataclasses.replace(record, pushes=(*record.pushes, push))
