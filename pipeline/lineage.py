"""What the metadata store says about the latest run."""

from dataclasses import dataclass, field
from pathlib import Path

import ml_metadata
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata

_CACHED = metadata_store_pb2.Execution.CACHED
_FAILED = metadata_store_pb2.Execution.FAILED


@dataclass(frozen=True)
class ArtifactRecord:
    """One output of a node."""

    uri: str
    properties: dict[str, int | float | str]


@dataclass(frozen=True)
class NodeRecord:
    """What one node did in a run."""

    is_cached: bool
    is_failed: bool
    outputs: dict[str, ArtifactRecord] = field(default_factory=dict)


def open_store(path: Path) -> ml_metadata.MetadataStore:
    """The metadata store that LocalDagRunner writes."""
    config = metadata.sqlite_metadata_connection_config(str(path))
    return ml_metadata.MetadataStore(config)


def read_latest_run(store: ml_metadata.MetadataStore) -> dict[str, NodeRecord]:
    """The nodes of the run that was started last, by node id; nodes that did not start are missing."""
    runs = store.get_contexts_by_type("pipeline_run")
    if not runs:
        return {}
    latest = max(runs, key=lambda context: context.id)
    return {
        _node_id(store, execution): _read_node(store, execution)
        for execution in sorted(store.get_executions_by_context(latest.id), key=lambda each: each.id)
    }


def _node_id(store: ml_metadata.MetadataStore, execution: metadata_store_pb2.Execution) -> str:
    (context,) = [each for each in store.get_contexts_by_execution(execution.id) if each.type == "node"]
    return str(context.name).rpartition(".")[2]


def _read_node(store: ml_metadata.MetadataStore, execution: metadata_store_pb2.Execution) -> NodeRecord:
    events = store.get_events_by_execution_ids([execution.id])
    keys = {
        event.artifact_id: event.path.steps[0].key
        for event in events
        if event.type == metadata_store_pb2.Event.OUTPUT and event.path.steps
    }
    artifacts = store.get_artifacts_by_id(list(keys)) if keys else []
    outputs = {keys[artifact.id]: ArtifactRecord(artifact.uri, _properties(artifact)) for artifact in artifacts}
    state = execution.last_known_state
    return NodeRecord(state == _CACHED, state == _FAILED, outputs)


def _properties(artifact: metadata_store_pb2.Artifact) -> dict[str, int | float | str]:
    return {
        key: getattr(value, value.WhichOneof("value"))
        for key, value in artifact.custom_properties.items()
        if value.WhichOneof("value") in ("int_value", "double_value", "string_value")
    }
