"""From an artifact back to the files it was made of, and forward to what was made of it."""

import os
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import ml_metadata

from configs.spec import PipelineConfig
from fer_tfx.errors import ConfigError
from pipeline.history import records
from pipeline.history.figures import describe_version

_PUSHED_MODEL, _MODEL_KEY = "PushedModel", "model"
# The input of a Trainer that holds the model whose weights it starts from.
_EARLIER_MODEL_KEY = "base_model"


@dataclass(frozen=True)
class WorkStep:
    """An execution that made something."""

    id: int
    node: str
    run_id: int
    """Number of the run."""
    settings: dict[str, Any]
    """By dotted key."""
    code: dict[str, str]
    """Fingerprints by name."""
    sources: dict[str, str]
    """Files that no other execution made, by name."""
    inputs: dict[str, list["Product"]]
    """By key: a window of spans gives a Trainer several `examples`."""


@dataclass(frozen=True)
class Product:
    """An artifact and how it came to be."""

    id: int
    type_name: str
    uri: str
    properties: records.Properties
    made_by: WorkStep | None
    """None: it is shown elsewhere in the same tree, came from outside, or is what a warm start began with."""


@dataclass(frozen=True)
class Use:
    """What an execution made of an artifact, which it took as its input `key`."""

    key: str
    step: WorkStep
    outputs: dict[str, list[Product]]


@dataclass(frozen=True)
class Lineage:
    """A model with everything it was made of, and everything that was made of it directly."""

    artifact: Product
    uses: list[Use]
    states: dict[int, str]
    """State of the version that an output was pushed as, by the artifact's id; empty: it was not."""


def trace(store: ml_metadata.MetadataStore, name: str, config: PipelineConfig) -> Lineage:
    """Follow an artifact both ways, but not past a warm start; a pushed version counts as the model it is a copy of.

    `name` is a pushed version's number or folder, even if rolled back, or the path of an artifact or a file in it.
    """
    graph = _Graph(store)
    model = graph.find_model(graph.find_artifact(name))
    uses = graph.list_uses(model)
    outputs = [output for use in uses for outputs in use.outputs.values() for output in outputs]
    states = {each.id: describe_version(str(each.properties.get("pushed_destination", "")), config) for each in outputs}
    return Lineage(graph.trace_back(model, set()), uses, states)


class _Graph:
    def __init__(self, store: ml_metadata.MetadataStore) -> None:
        self._store = store
        self._runs = records.number_runs(store)

    def find_artifact(self, name: str) -> int:
        path = Path(os.path.abspath(Path(name).expanduser()))  # noqa: PTH100 (resolves `..`)
        # A bare number is a version, also inside the folder of some other model.
        is_path = "/" in name or (path.exists() and not name.isdecimal())
        places = {place for each in (path, path.resolve()) for place in (each, *each.parents)} if is_path else set()
        versions = {}
        for artifact in sorted(self._store.get_artifacts(), key=lambda each: each.id):
            properties = records.read_plain_values(artifact.custom_properties)
            if "pushed_version" in properties:
                versions[str(properties["pushed_version"])] = int(artifact.id)
            if places & {Path(str(place)) for place in (artifact.uri, properties.get("pushed_destination")) if place}:
                return int(artifact.id)
        if path.name in versions:
            return versions[path.name]
        known = ", ".join(versions) or "none"
        raise ConfigError(f"{name}: no version and no artifact of these runs; pushed versions: {known}")

    def find_model(self, artifact_id: int) -> int:
        """What a pushed model is a copy of; any other artifact is itself."""
        step_id = records.find_makers(self._store, [artifact_id]).get(artifact_id)
        if step_id is None or self._read_product(artifact_id).type_name != _PUSHED_MODEL:
            return artifact_id
        (model,) = self._list_artifacts(step_id, records.INPUT).get(_MODEL_KEY, [artifact_id])
        return model

    def trace_back(self, artifact_id: int, shown: set[int]) -> Product:
        """The artifact with everything that it was made of; each execution is shown once."""
        maker = records.find_makers(self._store, [artifact_id]).get(artifact_id)
        if maker is None or maker in shown:
            return self._read_product(artifact_id)
        shown.add(maker)
        inputs = {
            key: [
                self._read_product(each) if key == _EARLIER_MODEL_KEY else self.trace_back(each, shown) for each in ids
            ]
            for key, ids in self._list_artifacts(maker, records.INPUT).items()
        }
        return self._read_product(artifact_id, self._read_step(maker, inputs))

    def list_uses(self, artifact_id: int) -> list[Use]:
        """What was made of an artifact directly, in the order of the executions; cached repeats are left out."""
        uses = []
        for event in sorted(self._store.get_events_by_artifact_ids([artifact_id]), key=lambda each: each.execution_id):
            outputs = self._list_artifacts(event.execution_id, records.OUTPUT)
            is_use = event.type == records.INPUT and records.key_of(event) and outputs
            if is_use and self._read_execution(event.execution_id).last_known_state != records.CACHED:
                made = {key: [self._read_product(each) for each in ids] for key, ids in outputs.items()}
                uses.append(Use(records.key_of(event), self._read_step(event.execution_id, {}), made))
        return uses

    def _list_artifacts(self, execution_id: int, kind: int) -> dict[str, list[int]]:
        """Ids of an execution's inputs or outputs by key, in the order in which it had them."""
        steps = [
            (*(step.key or step.index for step in event.path.steps), event.artifact_id)
            for event in self._store.get_events_by_execution_ids([execution_id])
            if event.type == kind and event.path.steps
        ]
        return {key: [each for *_, each in group] for key, group in groupby(sorted(steps), key=itemgetter(0))}

    def _read_execution(self, execution_id: int) -> Any:
        (execution,) = self._store.get_executions_by_id([execution_id])
        return execution

    def _read_step(self, execution_id: int, inputs: dict[str, list[Product]]) -> WorkStep:
        node = records.read_node_id(self._store, execution_id)
        parameters = records.read_plain_values(self._read_execution(execution_id).custom_properties)
        contexts = {context.id for context in self._store.get_contexts_by_execution(execution_id)}
        number = min((self._runs[each] for each in contexts & self._runs.keys()), default=0)
        return WorkStep(
            execution_id, node, number, records.read_node_settings(node, parameters),
            records.read_code(parameters), records.read_sources(parameters), inputs,
        )  # fmt: skip

    def _read_product(self, artifact_id: int, made_by: WorkStep | None = None) -> Product:
        (artifact,) = self._store.get_artifacts_by_id([artifact_id])
        return Product(
            artifact_id, artifact.type, artifact.uri, records.read_plain_values(artifact.custom_properties), made_by
        )
