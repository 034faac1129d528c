"""Runs of a pipeline as LocalDagRunner leaves them in a metadata store, written by MLMD's own calls without TFX."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.history import open_store
from pipeline.history.figures import Figures
from pipeline.history.records import NODE_CONTEXT, RUN_CONTEXT
from reporting.ingestion import REPORT_FILE, IngestionReport

INPUT, OUTPUT = mlmd.Event.INPUT, mlmd.Event.OUTPUT
COMPLETE, CACHED = mlmd.Execution.COMPLETE, mlmd.Execution.CACHED
FAILED, RUNNING = mlmd.Execution.FAILED, mlmd.Execution.RUNNING

ROWS = IngestionReport(
    {"fer.csv": 1250},
    {"train": {"sad": 1000}, "eval": {"angry": 100, "sad": 100}},
    {"repeat within train": 40},
    {"pixels": 10},
)
DATA_FINGERPRINT = "split:labelled,num_files:1,total_bytes:2048,xor_checksum:7,sum_checksum:7"


class HistoryDouble:
    """A store below `home`, to which whole runs or single nodes are added.

    Args:
        home: `<runtime.root>/<name>`.
    """

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True)
        self.home = home
        self.path = home / "metadata.sqlite"
        self._store = open_store(self.path)
        self._types: dict[tuple[str, str], int] = {}
        self._run = mlmd.Context()
        self._run_count = 0
        self._artifact_count = 0

    def start_run(self, settings: dict[str, Any] | None = None) -> int:
        """A run without nodes yet; settings are noted as the pipeline notes them. Its number."""
        run_type = self._put_type("context", RUN_CONTEXT)
        context = mlmd.Context(type_id=run_type, name=f"run-{self._run.id}-next")
        if settings is not None:
            context.custom_properties["settings"].string_value = json.dumps(settings)
        (context.id,) = self._store.put_contexts([context])
        self._run = context
        self._run_count += 1
        return self._run_count

    def note_figures(self, figures: Figures) -> None:
        """Note the figures of the run that was started last."""
        self._run.custom_properties["figures"].string_value = figures.to_json()
        self._store.put_contexts([self._run])

    def add_node(
        self,
        name: str,
        inputs: Mapping[str, int | list[int]] | None = None,
        outputs: dict[str, str | int] | None = None,
        parameters: dict[str, str] | None = None,
        marks: dict[str, int | str] | None = None,
        state: int = COMPLETE,
    ) -> dict[str, int]:
        """An execution in the run that was started last.

        Args:
            name: the node's id.
            inputs: artifact ids by key, one or several.
            outputs: by key the type of a new artifact, or the id of one that is there, as cached nodes give out.
            parameters: custom properties of the execution.
            marks: custom properties of each new artifact.
            state: of the execution.

        Returns:
            Ids of the outputs by key, and that of the execution by `""`.
        """
        execution = mlmd.Execution(type_id=self._put_type("execution", name), last_known_state=state)
        _set_properties(execution, parameters or {})
        new = {key: self._build_artifact(value, f"{name}/{key}", marks) for key, value in (outputs or {}).items()}
        pairs = [
            (self._read_artifact(each), _build_event(INPUT, key, index))
            for key, value in (inputs or {}).items()
            for index, each in enumerate(value if isinstance(value, list) else [value])
        ]
        input_count = len(pairs)
        pairs += [(artifact, _build_event(OUTPUT, key)) for key, artifact in new.items()]
        # One transaction: each one waits for the disk.
        execution_id, artifact_ids, _ = self._store.put_execution(
            execution, pairs, [self._run, self._build_node_context(name)], reuse_context_if_already_exist=True
        )
        return {**dict(zip(new, artifact_ids[input_count:], strict=True)), "": int(execution_id)}

    def add_data_nodes(self, path: str = "data/fer.csv", code: str = "c0de") -> dict[str, int]:
        """FerExampleGen with its account of the rows, ImportSchemaGen and Transform."""
        config = {"value": {"code": code, "config": json.dumps({"path": path, "drop_repeats": True})}}
        patterns = {"splits": [{"name": "labelled", "pattern": path}]}
        ids = self.add_node(
            "FerExampleGen",
            outputs={"examples": "Examples", "quarantine": "Quarantine"},
            parameters={
                "custom_config": json.dumps({"custom_config": config}),
                "input_base": "/base",
                "input_config": json.dumps(patterns),
                "input_fingerprint": DATA_FINGERPRINT,
            },
        )
        folder = self.locate(ids["quarantine"])
        folder.mkdir(parents=True)
        (folder / REPORT_FILE).write_text(ROWS.to_json(), "utf-8")
        ids |= self.add_node("ImportSchemaGen", outputs={"schema": "Schema"}, parameters={"schema_file": "/s.pbtxt"})
        inputs = {key: ids[key] for key in ("examples", "schema")}
        return ids | self.add_node("Transform", inputs, {"transform_graph": "TransformGraph"})

    def add_trainer(
        self, data: dict[str, int], epochs: int, code: str = "7ea", base_model: int | None = None, **changes: Any
    ) -> dict[str, int]:
        """A training with its record beside the model, unless its state says otherwise."""
        config = {"trainer": json.dumps({"epochs": epochs}), "code": code, "training_code": "f17"}
        inputs = {key: data[key] for key in ("examples", "schema", "transform_graph")}
        inputs |= {} if base_model is None else {"base_model": base_model}
        outputs = {"model": "Model", "model_run": "ModelRun"} if not changes else {}
        ids = self.add_node("Trainer", inputs, outputs, {"custom_config": json.dumps(config)}, **changes)
        if outputs:
            self._write_model(self.locate(ids["model"]) / "Format-Serving", epochs)
            self.locate(ids["model_run"]).mkdir(parents=True)
        return ids

    def add_judges(self, data: dict[str, int], model: int, version: str, state: int = COMPLETE) -> dict[str, int]:
        """Evaluator, ServingCheck, BulkInferrer and Pusher; a version of "" was refused."""
        inputs = {"model": model, "examples": data["examples"]}
        blessed = {"blessed": int(bool(version))}
        ids = self.add_node("Evaluator", inputs, {"evaluation": "ModelEvaluation", "blessing": "ModelBlessing"},
                            marks=blessed)  # fmt: skip
        self.add_node("ServingCheck", inputs, {"blessing": "InfraBlessing"}, marks={"blessed": 1})
        self.add_node("BulkInferrer", inputs, {"output_examples": "Examples"})
        pushed: dict[str, int | str] = {"pushed": 0}
        if version:
            folder = self.home / "serving" / version
            (folder / "variables").mkdir(parents=True)
            for name in ("saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"):
                (folder / name).write_text(f"of version {version}")
            pushed = {"pushed": 1, "pushed_version": version, "pushed_destination": str(folder)}
        pusher = self.add_node("Pusher", {"model": model}, {"pushed_model": "PushedModel"}, marks=pushed, state=state)
        return {**ids, **pusher}

    def locate(self, artifact_id: int) -> Path:
        """Where an artifact lies."""
        return Path(self._read_artifact(artifact_id).uri)

    def _put_type(self, kind: str, name: str) -> int:
        put, build = {
            "execution": (self._store.put_execution_type, mlmd.ExecutionType),
            "artifact": (self._store.put_artifact_type, mlmd.ArtifactType),
            "context": (self._store.put_context_type, mlmd.ContextType),
        }[kind]
        if (kind, name) not in self._types:
            new = build(name=name)
            if name in ("Examples", "ExampleStatistics"):  # as TFX declares them
                new.properties["split_names"] = mlmd.STRING
            self._types[kind, name] = put(new)
        return self._types[kind, name]

    def _build_node_context(self, name: str) -> Any:
        return mlmd.Context(type_id=self._put_type("context", NODE_CONTEXT), name=f"fer.{name}")

    def _build_artifact(self, value: str | int, place: str, marks: dict[str, int | str] | None) -> Any:
        if isinstance(value, int):
            return self._read_artifact(value)
        self._artifact_count += 1
        uri = self.home / "artifacts" / place / str(self._artifact_count)
        artifact = mlmd.Artifact(type_id=self._put_type("artifact", value), uri=str(uri))
        _set_properties(artifact, marks or {})
        return artifact

    def _read_artifact(self, artifact_id: int) -> Any:
        (artifact,) = self._store.get_artifacts_by_id([artifact_id])
        return artifact

    @staticmethod
    def _write_model(folder: Path, epochs: int) -> None:
        """1,000 bytes of graph, and the record of a training of 2.5 s an epoch."""
        extra = folder / "assets.extra"
        extra.mkdir(parents=True)
        (folder / "saved_model.pb").write_bytes(bytes(1000))
        history = [{"epoch": epoch, "seconds": 2.5} for epoch in range(1, epochs + 1)]
        (extra / "training_record.json").write_text(json.dumps({"parameters": 1234, "history": history}), "utf-8")


def _set_properties(thing: Any, values: dict[str, Any]) -> None:
    for key, value in values.items():
        setattr(thing.custom_properties[key], "string_value" if isinstance(value, str) else "int_value", value)


def _build_event(kind: int, key: str, index: int = 0) -> Any:
    event = mlmd.Event(type=kind)
    event.path.steps.add().key = key
    event.path.steps.add().index = index
    return event
