"""What the metadata store says about runs.

Knows no TFX, only its names: the commands that look back should not have to wait for its import.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ml_metadata
from ml_metadata import errors
from ml_metadata.proto import metadata_store_pb2

from fer_tfx.errors import DataError

# As TFX's compiler names the types of its contexts; a test holds it to them.
RUN_CONTEXT, NODE_CONTEXT = "pipeline_run", "node"

_COMPLETE = metadata_store_pb2.Execution.COMPLETE
_CACHED = metadata_store_pb2.Execution.CACHED
_FAILED = metadata_store_pb2.Execution.FAILED
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
    """What one node did in a run."""

    is_cached: bool
    is_failed: bool
    outputs: dict[str, ArtifactRecord] = field(default_factory=dict)
    id: int = 0
    """Of the execution."""
    is_finished: bool = True
    """Whether it came to its end; neither failed nor finished: it works still, or was killed."""
    parameters: Properties = field(default_factory=dict)
    """What TFX calls execution properties."""


@dataclass(frozen=True)
class RunRecord:
    """One run of the pipeline."""

    id: int
    started_s: float
    """Seconds since 1970."""
    nodes: dict[str, NodeRecord]
    """By node id, in the order they started; a node that did not start is missing."""
    notes: Properties = field(default_factory=dict)
    """What `pipeline.history.notes` wrote down about it."""


def open_store(path: Path) -> ml_metadata.MetadataStore:
    """The metadata store that LocalDagRunner writes; an empty one if there is none yet."""
    return _connect(path, _MODES.READWRITE_OPENCREATE)


def open_store_for_reading(path: Path) -> ml_metadata.MetadataStore:
    """An existing metadata store, which stays as it is.

    Raises:
        DataError: the file is missing, or no metadata store.
    """
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


def read_latest_run(store: ml_metadata.MetadataStore) -> dict[str, NodeRecord]:
    """The nodes of the run that was started last, by node id; nodes that did not start are missing."""
    contexts = list_run_contexts(store)
    return _read_nodes(store, contexts[0].id) if contexts else {}


def list_run_contexts(store: ml_metadata.MetadataStore) -> list[metadata_store_pb2.Context]:
    """A context for each run, newest first."""
    return sorted(store.get_contexts_by_type(RUN_CONTEXT), key=lambda context: context.id, reverse=True)


def read_runs(store: ml_metadata.MetadataStore) -> list[RunRecord]:
    """All runs, newest first."""
    return [
        RunRecord(
            id=context.id,
            started_s=context.create_time_since_epoch / 1000,
            nodes=_read_nodes(store, context.id),
            notes=read_plain_values(context.custom_properties),
        )
        for context in list_run_contexts(store)
    ]


def read_plain_values(properties: Mapping[str, Any]) -> Properties:
    """Those of an MLMD object's properties that are numbers or texts."""
    return {
        key: getattr(value, value.WhichOneof("value"))
        for key, value in properties.items()
        if value.WhichOneof("value") in ("int_value", "double_value", "string_value")
    }


def read_node_id(store: ml_metadata.MetadataStore, execution_id: int) -> str:
    """The node that an execution belongs to; its context is named <pipeline>.<node id>."""
    (context,) = [each for each in store.get_contexts_by_execution(execution_id) if each.type == NODE_CONTEXT]
    return str(context.name).rpartition(".")[2]


def _read_nodes(store: ml_metadata.MetadataStore, run_id: int) -> dict[str, NodeRecord]:
    executions = sorted(store.get_executions_by_context(run_id), key=lambda each: each.id)
    outputs = _read_outputs(store, [execution.id for execution in executions])
    return {
        read_node_id(store, execution.id): NodeRecord(
            is_cached=execution.last_known_state == _CACHED,
            is_failed=execution.last_known_state == _FAILED,
            outputs=outputs.get(execution.id, {}),
            id=execution.id,
            is_finished=execution.last_known_state in (_COMPLETE, _CACHED),
            parameters=read_plain_values(execution.custom_properties),
        )
        for execution in executions
    }


def _read_outputs(store: ml_metadata.MetadataStore, execution_ids: list[int]) -> dict[int, dict[str, ArtifactRecord]]:
    """Outputs by key, by execution. One request for all: a history may be long."""
    if not execution_ids:
        return {}
    events = [
        event
        for event in store.get_events_by_execution_ids(execution_ids)
        if event.type == metadata_store_pb2.Event.OUTPUT and event.path.steps
    ]
    artifacts = _read_artifacts(store, {event.artifact_id for event in events})
    outputs: dict[int, dict[str, ArtifactRecord]] = {}
    for event in events:
        outputs.setdefault(event.execution_id, {})[event.path.steps[0].key] = artifacts[event.artifact_id]
    return outputs


def _read_artifacts(store: ml_metadata.MetadataStore, ids: Iterable[int]) -> dict[int, ArtifactRecord]:
    wanted = sorted(ids)
    found = store.get_artifacts_by_id(wanted) if wanted else []
    return {
        artifact.id: ArtifactRecord(
            artifact.uri, read_plain_values(artifact.custom_properties), artifact.id, artifact.type
        )
        for artifact in found
    }
