"""One task of a replay: from the tasks before it to a record in the store."""

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fer_tfx.errors import ConfigError, DataError, FerError, GateError
from pipeline.replay import conditions, resolvers
from pipeline.replay.backends import Backend
from pipeline.replay.compiled import CompiledPipeline, Json, Task
from pipeline.replay.parameters import resolve_task
from pipeline.replay.processes import Processes, read_last_line
from pipeline.replay.store import CACHED, SKIPPED, SUCCEEDED, Store, TaskRecord
from pipeline.replay.view import ReplayView
from pipeline.runners.container.executor_input import take_driver_output
from pipeline.runners.container.placeholders import substitute

_PREFIX = "fer-tfx: "
_CACHE_KEYS = ("image", "command", "args")


@dataclass(frozen=True)
class Execution:
    """One run of a pipeline. Its `run_task` may be called from several threads, for a task each."""

    pipeline: CompiledPipeline
    backend: Backend
    store: Store
    run: int
    values: Json
    """By name, those of the run's parameters."""
    logs: Path
    processes: Processes
    view: ReplayView

    def run_task(self, name: str) -> None:
        """Do one task and record it, unless that has been done before this run was interrupted.

        Raises:
            FerError: it failed; the exit code is that of the container.
        """
        if self.store.find_task(self.run, name):
            self.view.finish(name, "done before")
            return
        started = time.monotonic()
        self.view.start(name)
        try:
            record = self._do(self.pipeline.tasks[name])
        except BaseException:
            self.view.finish(name, "failed", time.monotonic() - started)
            raise
        self.store.add(record)
        note = {SUCCEEDED: "", CACHED: "unchanged", SKIPPED: "skipped"}[record.state]
        self.view.finish(name, note, time.monotonic() - started)

    def _do(self, task: Task) -> TaskRecord:
        if any(self._find(name).state == SKIPPED for name in self.pipeline.list_dependencies()[task.name]):
            return TaskRecord(self.run, task.name, SKIPPED)
        executor_input: Json = {"inputs": self._resolve_inputs(task)}
        if task.condition and not conditions.is_met(task.condition, executor_input):
            return TaskRecord(self.run, task.name, SKIPPED)
        if "resolver" in task.executor:
            return self._resolve(task, executor_input)
        if "importer" in task.executor:
            return self._import(task, executor_input)
        return self._run_container(task, {**executor_input, "outputs": self.backend.provision(self.run, task)})

    def _find(self, name: str) -> TaskRecord:
        record = self.store.find_task(self.run, name)
        assert record is not None, f"{name} was not done before"
        return record

    def _resolve_inputs(self, task: Task) -> Json:
        artifacts = {
            key: {"artifacts": [self.backend.show(each) for each in self._find(producer).artifacts.get(output, [])]}
            for key, (producer, output) in task.input_artifacts.items()
        }
        return {"parameterValues": resolve_task(task, self.values, self._find_parameter), "artifacts": artifacts}

    def _find_parameter(self, source: Json) -> Any:
        return self._find(self.pipeline.find_producer(source)).parameters[source["outputParameterKey"]]

    def _resolve(self, task: Task, executor_input: Json) -> TaskRecord:
        if not self.backend.has_resolvers:
            raise ConfigError(
                f"task {task.name}: this backend has no resolvers; compile for it, or try --flavor vertex"
            )
        made = self.store.list_artifacts()
        queries = task.executor["resolver"]["outputArtifactQueries"]
        inputs = executor_input["inputs"]["artifacts"]
        found = {key: resolvers.resolve(query["filter"], inputs, made) for key, query in queries.items()}
        return TaskRecord(self.run, task.name, CACHED, artifacts=found)

    def _import(self, task: Task, executor_input: Json) -> TaskRecord:
        importer = task.executor["importer"]
        values = executor_input["inputs"]["parameterValues"]
        source = importer["artifactUri"]
        uri = values[source["runtimeParameter"]] if "runtimeParameter" in source else source["constant"]
        given = {"name": "", "uri": substitute(str(uri), self.values), "type": importer["typeSchema"]}
        artifacts = {
            key: [self.backend.publish(key, given, {"metadata": importer.get("metadata", {})})]
            for key in task.output_artifacts
        }
        return TaskRecord(self.run, task.name, SUCCEEDED, artifacts=artifacts)

    def _run_container(self, task: Task, executor_input: Json) -> TaskRecord:
        container = task.executor["container"]
        driver = container.get("lifecycle", {}).get("preCacheCheck")
        if driver and self.backend.runs_drivers:
            self._start(task, driver, executor_input)
            take_driver_output(executor_input, _read_output(executor_input))
        fingerprint = _compute_fingerprint(task, executor_input)
        if task.is_cached and (cached := self.store.find_cached(fingerprint)):
            return TaskRecord(self.run, task.name, CACHED, fingerprint, cached.artifacts, cached.parameters)
        self._start(task, container, executor_input)
        written = _read_output(executor_input)
        artifacts = {key: [self._publish(key, executor_input, written)] for key in task.output_artifacts}
        parameters = {name: written.get("parameterValues", {})[name] for name in task.output_parameters}
        return TaskRecord(self.run, task.name, SUCCEEDED, fingerprint, artifacts, parameters)

    def _publish(self, key: str, executor_input: Json, written: Json) -> Json:
        (given,) = executor_input["outputs"]["artifacts"][key]["artifacts"]
        (said,) = written.get("artifacts", {}).get(key, {}).get("artifacts", [{}])
        return self.backend.publish(key, given, said)

    def _start(self, task: Task, container: Json, executor_input: Json) -> None:
        log = self.logs / f"{task.name}.log"
        exit_code = self.processes.run(self.backend.write_command(container, executor_input), log)
        if exit_code:
            raise _describe_failure(task.name, exit_code, log)


def _read_output(executor_input: Json) -> Json:
    path = Path(executor_input["outputs"]["outputFile"])
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def _compute_fingerprint(task: Task, executor_input: Json) -> str:
    """What the cache compares, as Kubeflow does (cacheutils/cache.go): all but the places of the outputs.

    What a driver has found out is part of it: a fingerprint of the input files, say.
    """
    inputs = executor_input["inputs"]
    container = {name: value for name, value in task.executor["container"].items() if name in _CACHE_KEYS}
    known = {
        "artifacts": {key: [each["name"] for each in held["artifacts"]] for key, held in inputs["artifacts"].items()},
        "parameters": {**inputs["parameterValues"], **_read_output(executor_input).get("parameterValues", {})},
        "outputs": task.component.get("outputDefinitions", {}),
        "container": container,
    }
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


def _describe_failure(task: str, exit_code: int, log: Path) -> FerError:
    """The container's own sentence, as an error with its exit code."""
    said = read_last_line(log).removeprefix(_PREFIX)
    if exit_code == GateError.exit_code:
        return GateError(f"{task}: {said}")
    if exit_code == DataError.exit_code:
        return DataError(f"{task}: {said}")
    return FerError(f"{task}: {said or 'no message'} (exit code {exit_code}); the whole story is in {log}")
