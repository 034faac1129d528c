"""KFP's ExecutorInput and ExecutorOutput, between what a backend writes and what TFX's executors take.

The messages are JSON with their fields in camelCase (kubeflow/pipelines, api/v2alpha1/pipeline_spec.proto).
"""

import copy
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from pipeline.runners.parameters import substitute_all

# TensorFlow can't open these. Kubeflow's launcher copies inputs to `/minio/<bucket>/<key>` and uploads outputs from
# there (kubeflow/pipelines, backend/src/v2/component/launcher_v2.go, LocalPathForURI). gs:// stays as it is: TensorFlow
# reads and writes it, and so do Beam's workers on other machines.
_MOUNTED = ("minio", "s3")

Json = dict[str, Any]


def adapt(
    executor_input: Json, inputs_spec: Json, mount_root: Path, is_known: Callable[[str], bool], absent_property: str
) -> Json:
    """A copy of an ExecutorInput that TFX's executors can take.

    Args:
        executor_input: as the backend wrote it.
        inputs_spec: the component's ComponentInputsSpec, which declares the types of its inputs.
        mount_root: above the launcher's /minio and /s3.
        is_known: whether an artifact type of that title can be imported.
        absent_property: marks an artifact that stands for none.
    """
    adapted = copy.deepcopy(executor_input)
    inputs = adapted.setdefault("inputs", {})
    inputs["parameterValues"] = substitute_all(inputs.get("parameterValues", {}))
    artifacts = inputs.setdefault("artifacts", {})
    _drop_absent(artifacts, absent_property)
    _fill_types(artifacts, inputs_spec)
    for each in (artifacts, adapted.setdefault("outputs", {}).setdefault("artifacts", {})):
        _drop_unknown(each, is_known)
        for held in each.values():
            for artifact in held.get("artifacts", []):
                artifact["uri"] = to_local(artifact.get("uri", ""), mount_root)
    return adapted


def _drop_absent(artifacts: Json, absent_property: str) -> None:
    for key, held in list(artifacts.items()):
        present = [each for each in held.get("artifacts", []) if not each.get("metadata", {}).get(absent_property)]
        held["artifacts"] = present
        if not present:
            del artifacts[key]


def _fill_types(artifacts: Json, inputs_spec: Json) -> None:
    for key, held in artifacts.items():
        declared = inputs_spec.get("artifacts", {}).get(key, {}).get("artifactType")
        for artifact in held["artifacts"]:
            if declared and not find_title(artifact.get("type", {})):
                artifact["type"] = declared


def _drop_unknown(artifacts: Json, is_known: Callable[[str], bool]) -> None:
    """Drop what the backend adds itself, such as `executor-logs` of type system.Artifact."""
    for key, held in list(artifacts.items()):
        titles = {find_title(artifact.get("type", {})) for artifact in held.get("artifacts", [])}
        unknown = sorted(title for title in titles if not is_known(title))
        if unknown:
            logging.getLogger(__name__).info("Ignoring %s: unknown artifact type %s", key, unknown[0])
            del artifacts[key]


def to_local(uri: str, mount_root: Path) -> str:
    """The launcher's local path of a URI; the URI itself if the launcher has no folder for its store."""
    scheme, separator, key = uri.partition("://")
    folder = mount_root / scheme
    return str(folder / key) if separator and scheme in _MOUNTED and folder.is_dir() else uri


def find_title(type_schema: Json) -> str:
    """Name of an artifact type such as `tfx.Model`; empty: the schema names none."""
    if title := type_schema.get("schemaTitle"):
        return str(title)
    schema = yaml.safe_load(type_schema.get("instanceSchema", "")) or {}
    return str(schema.get("title", ""))


def take_driver_output(executor_input: Json, driver_output: Json) -> None:
    """Add the metadata that a driver wrote for the outputs, such as the fingerprint of the input files, in place.

    TFX's executor starts from the metadata of its outputs and overwrites the driver's message with its own.
    """
    for key, held in driver_output.get("artifacts", {}).items():
        artifacts = executor_input["outputs"]["artifacts"][key]["artifacts"]
        for artifact, said in zip(artifacts, held["artifacts"], strict=True):
            artifact["metadata"] = {**artifact.get("metadata", {}), **said.get("metadata", {})}


def restore_file(path: Path, outputs: Json) -> None:
    """In the ExecutorOutput that TFX wrote, restore the backend's URIs from the original `outputs.artifacts`, and drop
    values that the backend can't keep.
    """
    output = json.loads(path.read_text("utf-8"))
    for key, held in output.get("artifacts", {}).items():
        for artifact in held["artifacts"]:
            # Kubeflow's launcher fails on null: StructValueToMLMDValue, backend/src/v2/metadata/converter.go.
            metadata = {name: value for name, value in artifact.get("metadata", {}).items() if value is not None}
            artifact.update(uri=outputs[key]["artifacts"][0]["uri"], metadata=metadata)
    path.write_text(json.dumps(output), "utf-8")
