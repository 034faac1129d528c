"""A metadata store's runs, nodes and artifacts as plain records; a run's settings, fingerprints of code, and files.

Imports no TFX, which takes seconds.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ml_metadata
from ml_metadata import errors
from ml_metadata.proto import metadata_store_pb2

from fer_tfx.contract import LABELLED_INPUT
from fer_tfx.errors import DataError
from pipeline.failures import explain_failure

# As TFX's compiler names the types of its contexts; a test compares them.
RUN_CONTEXT, NODE_CONTEXT = "pipeline_run", "node"

INPUT, OUTPUT = metadata_store_pb2.Event.INPUT, metadata_store_pb2.Event.OUTPUT
COMPLETE, CACHED = metadata_store_pb2.Execution.COMPLETE, metadata_store_pb2.Execution.CACHED
FAILED = metadata_store_pb2.Execution.FAILED
_MODES = metadata_store_pb2.SqliteMetadataSourceConfig

SETTINGS_NOTE = "settings"
# By node, without its number: the sections of the configuration that it is given, as JSON texts with these names.
_TRAINING = ("model", "trainer", "export")
_SECTIONS = {
    "Trainer": (*_TRAINING, "distillation"),
    "Teacher": _TRAINING,
    "Member": (*_TRAINING, "distillation"),
    "Pusher": ("serving",),
}

Properties = dict[str, int | float | str]


@dataclass(frozen=True)
class ArtifactRecord:
    """One output of a node."""

    uri: str
    properties: Properties
    id: int = 0
    type_name: str = ""


@dataclass(frozen=True)
class NodeRecord:
    """What one node did in a run. Neither failed nor finished: it is still running, or was killed."""

    is_cached: bool
    is_failed: bool
    outputs: dict[str, ArtifactRecord] = field(default_factory=dict)
    id: int = 0
    """Of the execution, as are the parameters."""
    is_finished: bool = True
    parameters: Properties = field(default_factory=dict)


@dataclass(frozen=True)
class RunRecord:
    """One run of the pipeline."""

    number: int
    """From 1, in the order in which the runs started."""
    started_s: float
    """Since 1970."""
    nodes: dict[str, NodeRecord]
    """By node id, in the order they started; a node that did not start is missing."""
    notes: Properties = field(default_factory=dict)
    """What `pipeline.history.notes` recorded."""

    def find_artifact(self, node: str, output: str) -> ArtifactRecord | None:
        """An output of a node; None: the node did not get that far."""
        record = self.nodes.get(node)
        return record.outputs.get(output) if record else None

    def find_uri(self, node: str, output: str) -> str:
        """Where an output of a node is; empty: the node did not get that far."""
        artifact = self.find_artifact(node, output)
        return artifact.uri if artifact else ""

    def find_pushed(self, property_name: str) -> str:
        """A property of the pushed model; empty: none was pushed."""
        artifact = self.find_artifact("Pusher", "pushed_model")
        return str(artifact.properties.get(property_name, "")) if artifact else ""


def open_store(path: Path) -> ml_metadata.MetadataStore:
    """The metadata store that LocalDagRunner writes; it is created if need be."""
    return _connect(path, _MODES.READWRITE_OPENCREATE)


def open_store_for_reading(path: Path) -> ml_metadata.MetadataStore:
    """An existing metadata store, which is not changed; DataError: there is none, or it can't be read."""
    with explaining_reads(path):
        return _connect(path, _MODES.READONLY)


@contextmanager
def explaining_reads(path: Path) -> Iterator[None]:
    """Turn the errors of ML Metadata into a DataError about the file."""
    try:
        yield
    except (RuntimeError, errors.StatusError) as error:
        raise DataError(f"{path}: can't be read as a metadata store: {explain_failure(error, '', '')}") from error


def _connect(path: Path, mode: int) -> ml_metadata.MetadataStore:
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(path)
    config.sqlite.connection_mode = mode
    return ml_metadata.MetadataStore(config)


def list_run_contexts(store: ml_metadata.MetadataStore) -> list[metadata_store_pb2.Context]:
    """A context for each run, newest first."""
    return sorted(store.get_contexts_by_type(RUN_CONTEXT), key=lambda context: context.id, reverse=True)


def number_runs(store: ml_metadata.MetadataStore) -> dict[int, int]:
    """A run's number by the id of its context: ML Metadata gives ids to contexts of every kind."""
    return {run.id: number for number, run in enumerate(reversed(list_run_contexts(store)), 1)}


def read_runs(store: ml_metadata.MetadataStore, most: int | None = None) -> list[RunRecord]:
    """The runs, newest first; None: all."""
    numbers = number_runs(store)
    return [
        RunRecord(
            numbers[run.id],
            run.create_time_since_epoch / 1000,
            _read_nodes(store, run.id),
            read_plain_values(run.custom_properties),
        )
        for run in list_run_contexts(store)[:most]
    ]


def read_latest_run(store: ml_metadata.MetadataStore) -> dict[str, NodeRecord]:
    """The nodes of the run that was started last, by node id; nodes that did not start are missing."""
    contexts = list_run_contexts(store)
    return _read_nodes(store, contexts[0].id) if contexts else {}


def read_plain_values(properties: Mapping[str, Any]) -> Properties:
    """The numbers and texts among an MLMD object's properties."""
    kinds = {key: value.WhichOneof("value") for key, value in properties.items()}
    plain = ("int_value", "double_value", "string_value")
    return {key: getattr(properties[key], kind) for key, kind in kinds.items() if kind in plain}


def read_node_id(store: ml_metadata.MetadataStore, execution_id: int) -> str:
    """The node of an execution; its context is named <pipeline>.<node id>."""
    (context,) = [each for each in store.get_contexts_by_execution(execution_id) if each.type == NODE_CONTEXT]
    return str(context.name).rpartition(".")[2]


def find_makers(store: ml_metadata.MetadataStore, artifacts: Iterable[int]) -> dict[int, int]:
    """By artifact the first execution that gave it out, as cached ones come later."""
    wanted = sorted(artifacts)
    makers: dict[int, int] = {}
    for event in store.get_events_by_artifact_ids(wanted) if wanted else []:
        if event.type == OUTPUT:
            makers[event.artifact_id] = min(event.execution_id, makers.get(event.artifact_id, event.execution_id))
    return makers


def key_of(event: metadata_store_pb2.Event) -> str:
    """The name of the input or output that an event is about; empty: it has none."""
    return event.path.steps[0].key if event.path.steps else ""


def _read_nodes(store: ml_metadata.MetadataStore, run_id: int) -> dict[str, NodeRecord]:
    executions = sorted(store.get_executions_by_context(run_id), key=lambda each: each.id)
    outputs = _read_outputs(store, [each.id for each in executions])
    return {
        read_node_id(store, each.id): NodeRecord(
            is_cached=each.last_known_state == CACHED,
            is_failed=each.last_known_state == FAILED,
            outputs=outputs.get(each.id, {}),
            id=each.id,
            is_finished=each.last_known_state in (COMPLETE, CACHED),
            parameters=read_plain_values(each.custom_properties),
        )
        for each in executions
    }


def _read_outputs(store: ml_metadata.MetadataStore, execution_ids: list[int]) -> dict[int, dict[str, ArtifactRecord]]:
    """Outputs by execution and key, with one request for all: a history may be long."""
    events = store.get_events_by_execution_ids(execution_ids) if execution_ids else []
    events = [event for event in events if event.type == OUTPUT and key_of(event)]
    wanted = sorted({event.artifact_id for event in events})
    artifacts = {
        each.id: ArtifactRecord(each.uri, read_plain_values(each.custom_properties), each.id, each.type)
        for each in (store.get_artifacts_by_id(wanted) if wanted else [])
    }
    outputs: dict[int, dict[str, ArtifactRecord]] = {}
    for event in events:
        outputs.setdefault(event.execution_id, {})[key_of(event)] = artifacts[event.artifact_id]
    return outputs


def read_settings(run: RunRecord) -> dict[str, Any]:
    """By dotted key: from the run's own note; without one, only what its nodes were given."""
    if has_all_settings(run):
        return dict(_flatten(json.loads(str(run.notes[SETTINGS_NOTE]))))
    nodes = run.nodes.items()
    return {key: value for name, node in nodes for key, value in read_node_settings(name, node.parameters).items()}


def has_all_settings(run: RunRecord) -> bool:
    """Whether the run noted its whole configuration."""
    return SETTINGS_NOTE in run.notes


def read_node_settings(node: str, parameters: Properties) -> dict[str, Any]:
    """Settings that a node was given, by dotted key."""
    values = dict(_walk(_unfold(dict(parameters))))
    if node == "FerExampleGen":
        return dict(_flatten({"data": values["config"]})) if "config" in values else {}
    return dict(
        _flatten(
            {section: values[section] for section in _SECTIONS.get(node.rstrip("0123456789"), ()) if section in values}
        )
    )


def read_code(parameters: Properties) -> dict[str, str]:
    """Fingerprints of code among a node's parameters, by name (`code`, `training_code`); several are joined by `+`."""
    found: dict[str, set[str]] = {}
    for key, value in _walk(_unfold(dict(parameters))):
        if key.endswith("code") and isinstance(value, str) and value:
            found.setdefault(key, set()).add(value)
    return {key: "+".join(sorted(values)) for key, values in sorted(found.items())}


def read_sources(parameters: Properties) -> dict[str, str]:
    """The files that a node read and no node made, by name: the schema, or each input with its fingerprint.

    The fingerprint is TFX's own: number and bytes of the files, and two sums over the times they were changed.
    """
    if "schema_text" in parameters:
        return {"schema": f"sha256 {hashlib.sha256(str(parameters['schema_text']).encode()).hexdigest()[:16]}"}
    if "schema_file" in parameters:  # in runs before the schema travelled as text
        return {"schema_file": str(parameters["schema_file"])}
    # `split:labelled,num_files:1,...`, a line for each input.
    lines = [line.split(",") for line in str(parameters.get("input_fingerprint", "")).splitlines()]
    prints = {name: ", ".join(rest).replace(":", " ") for name, *rest in lines}
    return {
        name: "; ".join(filter(None, (pattern, prints.get(f"split:{name}"))))
        for name, pattern in _list_patterns(parameters).items()
    }


def locate_labelled(parameters: Properties) -> str:
    """The pattern of an ingestion's labelled files, its span filled in; empty: it was no ingestion."""
    return _list_patterns(parameters).get(LABELLED_INPUT, "")


def _list_patterns(parameters: Properties) -> dict[str, str]:
    base = str(parameters.get("input_base", ""))
    splits = json.loads(str(parameters.get("input_config", "{}"))).get("splits", [])
    return {each["name"]: os.path.join(base, each["pattern"]) for each in splits}


def _unfold(value: Any) -> Any:
    """Parses JSON within texts, at any depth: TFX packs parameters as texts, which hold ours."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return _unfold(json.loads(value))
        except ValueError:
            return value
    if isinstance(value, dict):
        return {key: _unfold(each) for key, each in value.items()}
    return [_unfold(each) for each in value] if isinstance(value, list) else value


def _walk(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key with its value, at any depth."""
    for key, each in value.items() if isinstance(value, dict) else ():
        yield key, each
        yield from _walk(each)
    for each in value if isinstance(value, list) else ():
        yield from _walk(each)


def _flatten(nested: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in nested.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
