"""What a backend hands to a container, made into what TFX's executors take.

The message is KFP's ExecutorInput as JSON, with its fields in camelCase
(kubeflow/pipelines, api/v2alpha1/pipeline_spec.proto).
"""

import copy
import logging
from collections.abc import Callable
from typing import Any

import yaml

from pipeline.runners.container.mounts import Mounts
from pipeline.runners.container.placeholders import substitute_all

Json = dict[str, Any]


def adapt(
    executor_input: Json, inputs_spec: Json, mounts: Mounts, is_known: Callable[[str], bool], absent_property: str
) -> Json:
    """A copy of the message that TFX's executors can take.

    Args:
        executor_input: as the backend wrote it.
        inputs_spec: the component's ComponentInputsSpec, which declares the types of its inputs.
        mounts: where URIs of object stores are found locally.
        is_known: whether an artifact type of that title can be imported.
        absent_property: the property by which an artifact says that there is nothing in it.
    """
    adapted = copy.deepcopy(executor_input)
    values = adapted.setdefault("inputs", {}).setdefault("parameterValues", {})
    adapted["inputs"]["parameterValues"] = substitute_all(values)
    inputs = adapted["inputs"].setdefault("artifacts", {})
    outputs = adapted.setdefault("outputs", {}).setdefault("artifacts", {})
    drop_absent(inputs, absent_property)
    fill_types(inputs, inputs_spec)
    for artifacts in (inputs, outputs):
        drop_unknown(artifacts, is_known)
        map_uris(artifacts, mounts)
    return adapted


def drop_absent(artifacts: Json, absent_property: str) -> None:
    """Take out each key that holds no artifact, or one that says of itself that there is nothing in it."""
    for key, held in list(artifacts.items()):
        held["artifacts"] = [
            artifact
            for artifact in held.get("artifacts", [])
            if not artifact.get("metadata", {}).get(absent_property)
        ]  # fmt: skip
        if not held["artifacts"]:
            del artifacts[key]


def fill_types(artifacts: Json, inputs_spec: Json) -> None:
    """Give each artifact without a type the one that the component declares for its key."""
    for key, held in artifacts.items():
        declared = inputs_spec.get("artifacts", {}).get(key, {}).get("artifactType")
        for artifact in held["artifacts"]:
            if declared and not find_title(artifact.get("type", {})):
                artifact["type"] = declared


def drop_unknown(artifacts: Json, is_known: Callable[[str], bool]) -> None:
    """Take out what the backend has added of its own, such as `executor-logs` of type system.Artifact."""
    for key, held in list(artifacts.items()):
        titles = {find_title(artifact.get("type", {})) for artifact in held.get("artifacts", [])}
        unknown = sorted(title for title in titles if not is_known(title))
        if unknown:
            logging.getLogger(__name__).info("Passing over %s: no such artifact type here: %s", key, unknown[0])
            del artifacts[key]


def map_uris(artifacts: Json, mounts: Mounts) -> None:
    """Put the launcher's local paths in the place of URIs of object stores."""
    for held in artifacts.values():
        for artifact in held.get("artifacts", []):
            artifact["uri"] = mounts.to_local(artifact.get("uri", ""))


def take_driver_output(executor_input: Json, driver_output: Json) -> None:
    """Add what a driver has found out about the outputs, such as the fingerprint of the input files.

    TFX's executor starts from the metadata of its outputs and writes its own message over the driver's.

    Args:
        executor_input: changed in place.
        driver_output: the driver's ExecutorOutput.
    """
    for key, held in driver_output.get("artifacts", {}).items():
        for artifact, said in zip(
            executor_input["outputs"]["artifacts"][key]["artifacts"], held["artifacts"], strict=True
        ):
            artifact["metadata"] = {**artifact.get("metadata", {}), **said.get("metadata", {})}


def find_title(type_schema: Json) -> str:
    """Name of an artifact type such as `tfx.Model`; empty: the schema names none."""
    if title := type_schema.get("schemaTitle"):
        return str(title)
    schema = yaml.safe_load(type_schema.get("instanceSchema", "")) or {}
    return str(schema.get("title", ""))
