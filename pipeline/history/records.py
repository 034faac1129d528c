"""Runs, nodes and artifacts of a metadata store as plain records. Imports no TFX, which takes seconds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ml_metadata
from ml_metadata import errors
from ml_metadata.proto import metadata_store_pb2

from fer_tfx.errors import DataError

# As TFX's compiler names the types of its contexts; a test compares them.
RUN_CONTEXT, NODE_CONTEXT = "pipeline_run", "node"

INPUT, OUTPUT = metadata_store_pb2.Event.INPUT, metadata_store_pb2.Event.OUTPUT
COMPLETE, CACHED = metadata_store_pb2.Execution.COMPLETE, metadata_store_pb2.Execution.CACHED
FAILED = metadata_store_pb2.Execution.FAILED
_MODES = metadata_store_pb2.SqliteMetadataSourceConfig

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

    id: int
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
    try:
        return _connect(path, _MODES.READONLY)
    except (RuntimeError, errors.StatusError) as error:
        found = str(error).partition(" query:")[0]
        raise DataError(f"{path}: can't be read as a metadata store: {found}; name another runtime.root") from None


def _connect(path: Path, mode: int) -> ml_metadata.MetadataStore:
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(path)
    config.sqlite.connection_mode = mode
    return ml_metadata.MetadataStore(config)


def list_run_contexts(store: ml_metadata.MetadataStore) -> list[metadata_store_pb2.Context]:
    """A context for each run, newest first."""
    return sorted(store.get_contexts_by_type(RUN_CONTEXT), key=lambda context: context.id, reverse=True)


def read_runs(store: ml_metadata.MetadataStore) -> list[RunRecord]:
    """All runs, newest first."""
    return [
        RunRecord(
            run.id,
            run.create_time_since_epoch / 1000,
            _read_nodes(store, run.id),
            read_plain_values(run.custom_properties),
        )
        for run in list_run_contexts(store)
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
