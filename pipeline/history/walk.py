"""From an artifact back to the files it was made of, and forward to what was made of it."""

from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import ml_metadata
from ml_metadata.proto import metadata_store_pb2

from fer_tfx.errors import ConfigError
from pipeline.history.settings import read_code, read_settings_of_node
from pipeline.history.sources import read_sources
from pipeline.lineage import Properties, list_run_contexts, read_node_id, read_plain_values

PUSHED_MODEL, MODEL_KEY = "PushedModel", "model"
# As what a Trainer takes the model whose weights it begins with.
_EARLIER_MODEL_KEY = "base_model"
_INPUT, _OUTPUT = metadata_store_pb2.Event.INPUT, metadata_store_pb2.Event.OUTPUT
_CACHED = metadata_store_pb2.Execution.CACHED


@dataclass(frozen=True)
class WorkStep:
    """An execution that made something."""

    id: int
    node: str
    run_id: int
    settings: dict[str, Any]
    """By dotted key."""
    code: dict[str, str]
    """Fingerprints by name."""
    sources: dict[str, str]
    """Files that no other execution made, by name."""
    inputs: dict[str, list["Product"]] = field(default_factory=dict)
    """By key: a window of spans gives a Trainer several `examples`."""


@dataclass(frozen=True)
class Product:
    """An artifact and how it came to be."""

    id: int
    type_name: str
    uri: str
    properties: Properties
    made_by: WorkStep | None = None
    """None: it is told of elsewhere in the same tree, was brought from outside, or is what a warm start began with."""


@dataclass(frozen=True)
class Use:
    """What an execution made of an artifact."""

    key: str
    """As what it took the artifact: `model`, or `baseline_model`."""
    step: WorkStep
    outputs: dict[str, list[Product]]


class LineageGraph:
    """The artifacts and executions of a store.

    Args:
        store: open for reading.
    """

    def __init__(self, store: ml_metadata.MetadataStore) -> None:
        self._store = store
        self._runs = {context.id for context in list_run_contexts(store)}

    def find_artifact(self, name: str) -> int:
        """The artifact that a person means.

        Args:
            name: a pushed version's number or folder, also one that was rolled back since, or the path of an artifact
                or of a file within it.

        Raises:
            ConfigError: there is none.
        """
        path = Path(name).expanduser().absolute()
        places = {path, *path.parents}
        versions = {}
        for artifact in sorted(self._store.get_artifacts(), key=lambda each: each.id):
            properties = read_plain_values(artifact.custom_properties)
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
        step_id = self._find_maker(artifact_id)
        if step_id is None or self._read_artifact(artifact_id).type != PUSHED_MODEL:
            return artifact_id
        (model,) = self._read_inputs(step_id).get(MODEL_KEY, [artifact_id])
        return model

    def trace_back(self, artifact_id: int) -> Product:
        """The artifact with everything that it was made of; each execution is told of once.

        Of a model that a warm start began with no more is told than which it is: it may have been preceded by a year of
        others, and can be asked for by itself.
        """
        return self._trace(artifact_id, set())

    def list_uses(self, artifact_id: int) -> list[Use]:
        """What was made of an artifact at first hand, in the order of the executions; cached repeats left out."""
        uses = []
        for event in sorted(self._store.get_events_by_artifact_ids([artifact_id]), key=lambda each: each.execution_id):
            if event.type == _INPUT and event.path.steps and self._has_outputs_of_its_own(event.execution_id):
                step = self._read_step(event.execution_id, {})
                outputs = {
                    key: [self._read_product(each, None) for each in ids]
                    for key, ids in self._read_outputs(step.id).items()
                }
                uses.append(Use(event.path.steps[0].key, step, outputs))
        return uses

    def _trace(self, artifact_id: int, told: set[int]) -> Product:
        maker = self._find_maker(artifact_id)
        if maker is None or maker in told:
            return self._read_product(artifact_id, None)
        told.add(maker)
        inputs = {
            key: [
                self._read_product(each, None) if key == _EARLIER_MODEL_KEY else self._trace(each, told) for each in ids
            ]
            for key, ids in self._read_inputs(maker).items()
        }
        return self._read_product(artifact_id, self._read_step(maker, inputs))

    def _find_maker(self, artifact_id: int) -> int | None:
        """The execution that made an artifact: of those that gave it out the first, as cached ones come later."""
        events = self._store.get_events_by_artifact_ids([artifact_id])
        return min((event.execution_id for event in events if event.type == _OUTPUT), default=None)

    def _read_inputs(self, execution_id: int) -> dict[str, list[int]]:
        return self._read_events(execution_id, _INPUT)

    def _read_outputs(self, execution_id: int) -> dict[str, list[int]]:
        return self._read_events(execution_id, _OUTPUT)

    def _read_events(self, execution_id: int, kind: int) -> dict[str, list[int]]:
        """Artifacts by key, in the order in which the execution had them."""
        events = self._store.get_events_by_execution_ids([execution_id])
        places = [(*_read_place(each), each.artifact_id) for each in events if each.type == kind and each.path.steps]
        return {key: [each for *_, each in group] for key, group in groupby(sorted(places), key=itemgetter(0))}

    def _has_outputs_of_its_own(self, execution_id: int) -> bool:
        (execution,) = self._store.get_executions_by_id([execution_id])
        return bool(execution.last_known_state != _CACHED and self._read_outputs(execution_id))

    def _read_step(self, execution_id: int, inputs: dict[str, list[Product]]) -> WorkStep:
        (execution,) = self._store.get_executions_by_id([execution_id])
        node = read_node_id(self._store, execution_id)
        parameters = read_plain_values(execution.custom_properties)
        contexts = self._store.get_contexts_by_execution(execution_id)
        return WorkStep(
            id=execution_id,
            node=node,
            run_id=next((context.id for context in contexts if context.id in self._runs), 0),
            settings=read_settings_of_node(node, parameters),
            code=read_code(parameters),
            sources=read_sources(parameters),
            inputs=inputs,
        )

    def _read_artifact(self, artifact_id: int) -> Any:
        (artifact,) = self._store.get_artifacts_by_id([artifact_id])
        return artifact

    def _read_product(self, artifact_id: int, made_by: WorkStep | None) -> Product:
        artifact = self._read_artifact(artifact_id)
        return Product(artifact_id, artifact.type, artifact.uri, read_plain_values(artifact.custom_properties), made_by)


def _read_place(event: Any) -> tuple[str, int]:
    """Key of an event's artifact, and its position among those of that key."""
    key, *position = event.path.steps
    return key.key, position[0].index if position else 0
