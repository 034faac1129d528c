"""What the runs of a cluster are compared with: PublishedBaseline reads what was accepted, RecordAcceptance adds to it.

Kubeflow has no resolvers, and Vertex AI's know only its own metadata; so the runs share a folder.
"""

import dataclasses
import json
import os
import time
from collections.abc import Callable
from typing import Any, TypeAlias

from absl import logging
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.dsl.io import fileio
from tfx.types import Artifact, artifact_utils
from tfx.types.standard_artifacts import ExampleStatistics, Model, PushedModel
from tfx.utils import io_utils, path_utils

from components import acceptance
from components.artifacts import ABSENT_PROPERTY, Artifacts, BaselineRecord, Component, declare
from components.bucket_versions import is_destination_whole
from components.model_facts import read_class_names
from components.remote_files import read_files
from fer_tfx.versions.model_digest import compute_digest

_Addition: TypeAlias = Callable[[acceptance.Record], acceptance.Record]
"""Adds to a record what was copied beside it."""

MODEL_KEYS = (acceptance.MODEL_KEY, acceptance.LATENCY_MODEL_KEY, acceptance.SERVICE_MODEL_KEY)


class Reader(BaseExecutor):  # type: ignore[misc]
    """Fills each output, or marks it as absent."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        folder, classes = exec_properties["baseline_folder"], tuple(json.loads(exec_properties["classes"]))
        record = acceptance.read_record(folder)
        pushes = [_compare_classes(each, folder, classes) for each in record.list_pushes()]
        pushes = [each for each in pushes if fileio.exists(acceptance.locate_model(folder, each))]
        for key, found in acceptance.choose_references(pushes, is_destination_whole).items():
            _fill(output_dict[key], acceptance.locate_model(folder, found) if found else "")
            logging.info("%s: %s", key, found.version if found else "none yet")
        for each in pushes[-1:]:
            if not each.is_comparable:
                logging.info("%s: has other classes than %s, so it is no baseline", each.destination, classes)
        is_comparable = record.statistics and record.classes == classes
        _fill(output_dict["statistics"], os.path.join(folder, record.statistics) if is_comparable else "")
        statistics = artifact_utils.get_single_instance(output_dict["statistics"])
        statistics.split_names = artifact_utils.encode_split_names(list(record.splits))


class PublishedBaseline(Component):
    """Copies what a run is compared with from the folder that all runs share, a path or URI. Must never be cached.

    `classes` are those of the run, JSON of their names: nothing of others is a baseline.

    Outputs:
        model: the anchor, `latency_model`: the latency reference, `service_model`: the model in service, by
            `components.acceptance`; an artifact with `ABSENT_PROPERTY` if there is none.
        statistics: of the data that the gate accepted last, or absent likewise.
    """

    SPEC_CLASS = declare(
        parameters={"baseline_folder": str, "classes": str},
        outputs={**dict.fromkeys(MODEL_KEYS, Model), "statistics": ExampleStatistics},
    )
    EXECUTOR_SPEC = ExecutorClassSpec(Reader)


def _fill(artifacts: list[Artifact], source: str) -> None:
    """Copy `source` into the one artifact; empty: mark it as absent."""
    artifact = artifact_utils.get_single_instance(artifacts)
    artifact.set_int_custom_property(ABSENT_PROPERTY, int(not source))
    if source:
        io_utils.copy_dir(source, artifact.uri)
    else:  # in a bucket there are no folders without files
        io_utils.write_string_file(os.path.join(artifact.uri, "ABSENT"), "")


class Writer(BaseExecutor):  # type: ignore[misc]
    """Copies what was accepted, then records it."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        folder, classes = exec_properties["baseline_folder"], tuple(json.loads(exec_properties["classes"]))
        record, additions = acceptance.read_record(folder), list[_Addition]()
        if input_dict.get("statistics"):
            statistics = artifact_utils.get_single_instance(input_dict["statistics"])
            additions.append(_copy_statistics(folder, record, statistics, classes))
        if input_dict.get("pushed_model"):
            model, pushed = (artifact_utils.get_single_instance(input_dict[key]) for key in ("model", "pushed_model"))
            additions.append(_copy_push(folder, record, model.uri, pushed))
        # Copying takes long, and another run may have recorded something meanwhile.
        before = record = acceptance.read_record(folder)
        for add in additions:
            record = add(record)
        if record != before:
            acceptance.write_record(folder, record)
        path = os.path.join(artifact_utils.get_single_uri(output_dict["record"]), "baseline.json")
        io_utils.write_string_file(path, record.to_json())


class RecordAcceptance(Component):
    """Records for later runs the `statistics` that this one accepted, or its `model` if `pushed_model` was pushed.

    Where it records data, let it depend on the data gate with `add_upstream_node`.

    Outputs:
        record: what was recorded, as `baseline.json`.
    """

    SPEC_CLASS = declare(
        parameters={"baseline_folder": str, "classes": str},
        optional_inputs={"statistics": ExampleStatistics, "model": Model, "pushed_model": PushedModel},
        outputs={"record": BaselineRecord},
    )
    EXECUTOR_SPEC = ExecutorClassSpec(Writer)


def _compare_classes(push: acceptance.Push, folder: str, classes: tuple[str, ...]) -> acceptance.Push:
    found = read_class_names(path_utils.serving_model_path(acceptance.locate_model(folder, push)))
    return dataclasses.replace(push, is_comparable=found == classes)


def _copy_statistics(
    folder: str, record: acceptance.Record, statistics: Artifact, classes: tuple[str, ...]
) -> _Addition:
    name = f"statistics/{compute_digest(read_files(statistics.uri))[:16]}"
    if name != record.statistics:
        io_utils.copy_dir(statistics.uri, os.path.join(folder, name))
    splits = tuple(artifact_utils.decode_split_names(statistics.split_names))
    return lambda record: dataclasses.replace(record, statistics=name, splits=splits, classes=classes)


def _copy_push(folder: str, record: acceptance.Record, model_uri: str, pushed: Artifact) -> _Addition:
    destination = pushed.get_string_custom_property("pushed_destination")
    known = {each.destination for each in record.pushes}
    if not pushed.get_int_custom_property("pushed") or destination in known:  # nothing new was pushed
        return lambda record: record
    push = acceptance.Push(
        version=int(destination.rstrip("/").rpartition("/")[2]),
        destination=destination,
        digest=pushed.get_string_custom_property(acceptance.DIGEST_PROPERTY),
        pushed_ms=int(time.time() * 1000),
        is_no_worse=bool(pushed.get_int_custom_property(acceptance.NO_WORSE_PROPERTY)),
        is_no_slower=bool(pushed.get_int_custom_property(acceptance.NO_SLOWER_PROPERTY)),
    )
    io_utils.copy_dir(model_uri, acceptance.locate_model(folder, push))
    return lambda record: dataclasses.replace(record, pushes=(*record.pushes, push))
