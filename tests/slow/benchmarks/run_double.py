"""Runs in a metadata store, in the form that LocalDagRunner leaves."""

from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.history import open_store


class RunDouble:
    """Writes runs into a store as TFX does: contexts for run and node, executions, artifacts, output events."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.store = open_store(home / "metadata.sqlite")
        types = ("pipeline_run", "node")
        self._contexts = {name: self.store.put_context_type(mlmd.ContextType(name=name)) for name in types}
        self._execution = self.store.put_execution_type(mlmd.ExecutionType(name="node"))
        self._artifact = self.store.put_artifact_type(mlmd.ArtifactType(name="artifact"))
        self._run_count = 0

    def add_run(self, **changes: Any) -> Path:
        """A run that pushed a model; a change takes a node's mark, or the node itself (None). Gives the version."""
        self._run_count += 1
        folder = self.home / "serving" / str(self._run_count)
        folder.mkdir(parents=True)
        (folder / "saved_model.pb").touch()
        marks = {"Evaluator": 1, "ServingCheck": 1, "Pusher": 1} | changes
        run = self._put_context("pipeline_run", str(self._run_count))
        self._add_node(run, marks, "Evaluator", "blessing", {"blessed": marks["Evaluator"]})
        self._add_node(run, marks, "ServingCheck", "blessing", {"blessed": marks["ServingCheck"]})
        properties = {"pushed": marks["Pusher"], "pushed_destination": str(folder)}
        self._add_node(run, marks, "Pusher", "pushed_model", properties)
        return folder

    def _put_context(self, kind: str, name: str) -> int:
        context = mlmd.Context(type_id=self._contexts[kind], name=f"{self._run_count}.{name}")
        return int(self.store.put_contexts([context])[0])

    def _add_node(self, run: int, marks: dict[str, Any], name: str, key: str, properties: dict[str, Any]) -> None:
        if marks[name] is None:
            return
        execution = mlmd.Execution(type_id=self._execution, last_known_state=mlmd.Execution.COMPLETE)
        artifact = mlmd.Artifact(type_id=self._artifact, uri=str(self.home))
        for property_name, value in properties.items():
            kind = "string_value" if isinstance(value, str) else "int_value"
            setattr(artifact.custom_properties[property_name], kind, value)
        execution_id = self.store.put_executions([execution])[0]
        event = mlmd.Event(execution_id=execution_id, type=mlmd.Event.OUTPUT)
        event.artifact_id = self.store.put_artifacts([artifact])[0]
        event.path.steps.add().key = key
        self.store.put_events([event])
        nodes = [run, self._put_context("node", name)]
        self.store.put_attributions_and_associations(
            [], [mlmd.Association(execution_id=execution_id, context_id=context) for context in nodes]
        )
