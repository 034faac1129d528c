"""The deployment files, parsed, and what they are checked against."""

import copy
import importlib.resources
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2

FOLDER = Path(__file__).parents[3] / "kubeflow/serving"
REST_PORT, GRPC_PORT = 8501, 8500
STATUS_PATH = "/v1/models/fer"

# Flags of tensorflow_model_server 2.16, `tensorflow_serving/model_servers/main.cc`, of those that are of use here.
KNOWN_FLAGS = {
    "port", "rest_api_port", "rest_api_timeout_in_ms", "rest_api_enable_cors_support", "enable_batching",
    "batching_parameters_file", "allow_version_labels_for_unavailable_models", "model_config_file",
    "model_config_file_poll_wait_seconds", "file_system_poll_wait_seconds", "monitoring_config_file",
}  # fmt: skip


def read_documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FOLDER / name).read_text("utf-8")))


def read_kinds(name: str) -> dict[str, dict[str, Any]]:
    """Documents by `kind`, each of which stands once."""
    documents = read_documents(name)
    kinds = {document["kind"]: document for document in documents}
    assert len(kinds) == len(documents)
    return kinds


def change(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with another value at a path such as `spec/ports/0/port`; a value of None removes what is there."""
    changed = copy.deepcopy(document)
    *way, last = (int(step) if step.isdecimal() else step for step in path.split("/"))
    place = changed
    for step in way:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return changed


def read_flags(arguments: list[str]) -> dict[str, str]:
    """Flags of the server by name."""
    pairs = [argument.removeprefix("--").partition("=") for argument in arguments]
    assert all(argument.startswith("--") for argument in arguments)
    return {name: value for name, _, value in pairs}


def read_compose_schema() -> Any:
    """The compose specification's own JSON schema, which check-jsonschema brings."""
    folder = importlib.resources.files("check_jsonschema") / "builtin_schemas/vendor"
    return json.loads((folder / "compose-spec.json").read_text("utf-8"))


def build_message(fields: Mapping[str, int | str], nested: Mapping[str, int] | None = None) -> Any:
    """An empty message with the given fields: a scalar type, or the full name of a message type.

    TensorFlow's packages bring no `session_bundle_config.proto` and no `monitoring_config.proto`, so the few fields in
    use are declared here, to let protobuf itself parse the files.

    Args:
        fields: of the message.
        nested: scalar fields of a message type `.fer.Nested`.
    """
    file = descriptor_pb2.FileDescriptorProto(name="fer.proto", package="fer", syntax="proto3")
    file.dependency.append(wrappers_pb2.DESCRIPTOR.name)
    for name, declared in (("Nested", nested or {}), ("Root", fields)):
        message = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(declared.items(), start=1):
            if isinstance(kind, str):
                message.field.add(name=field, number=number, label=1, type=11, type_name=kind)
            else:
                message.field.add(name=field, number=number, label=1, type=kind)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("fer.Root"))()
