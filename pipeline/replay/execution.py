"""One task of a replay: from the results of earlier tasks to a record in the store."""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console

from fer_tfx.errors import ConfigError, DataError, FerError, GateError
from pipeline.replay import expressions
from pipeline.replay.backends import Backend
from pipeline.replay.processes import Processes
from pipeline.replay.store import CACHED, SKIPPED, SUCCEEDED, Store, TaskRecord
from pipeline.runners.compiled import CompiledPipeline, Json, Task
from pipeline.runners.messages import take_driver_output
from pipeline.runners.parameters import resolve_parameters, substitute

_PREFIX = "fer-tfx: "
_CACHE_KEYS = ("image", "command", "args")


class ReplayView:
    """A plain line for each finished task; in a terminal, `status` adds one that names the running ones.

    Its methods may be called from several threads.
    """

    def __init__(self, output: TextIO):
        self._console = Console(file=output, highlight=False, soft_wrap=True)
        self.status = self._console.status("")
        self._running: list[str] = []
        self._lock = threading.Lock()

    def start(self, task: str) -> None:
        with self._lock:
            self._running.append(task)
            self.status.update(", ".join(self._running))

    def finish(self, task: str, note: str, seconds: float = 0.0) -> None:
        with self._lock:
            self._running = [each for each in self._running if each != task]
            self.status.update(", ".join(self._running))
            self._console.print(f"{task:24} {seconds:7.1f} s  {note}".rstrip(), markup=False)


@dataclass(frozen=True)
class Execution:
    """One run of a pipeline. `run_task` may be called from several threads, with different tasks."""

    pipeline: CompiledPipeline
    backend: Backend
    store: Store
    run: int
    values: Json
    """The run's parameters, by name."""
    logs: Path
    processes: Processes
    view: ReplayView

    def run_task(self, name: str) -> None:
        """Do one task and record it, unless this run did so before it was interrupted.

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
        if task.condition and not expressions.is_met(task.condition, executor_input):
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
                f"task {task.name}: this backend has no resolvers; compile for it, or use --flavor vertex"
            )
        made = self.store.list_artifacts()
        queries = task.executor["resolver"]["outputArtifactQueries"]
        inputs = executor_input["inputs"]["artifacts"]
        found = {key: expressions.resolve(query["filter"], inputs, made) for key, query in queries.items()}
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


def resolve_run(declared: Json, given: Json, overrides: Sequence[str], buckets: Path) -> Json:
    """As `resolve_parameters`, but a folder in `buckets` stands for each bucket in the file: a replay touches a bucket
    only if an override says so.
    """
    defaults = {name: spec["defaultValue"] for name, spec in declared.items() if "defaultValue" in spec}
    in_file = {**defaults, **given}
    for name, value in in_file.items():
        if isinstance(value, str) and "://" in value:
            in_file[name] = str(buckets / value.replace("://", "/", 1))
    return resolve_parameters(declared, in_file, overrides)


def resolve_task(task: Task, run_values: Json, find_output: Callable[[Json], Any]) -> Json:
    """Values of a task's parameters, placeholders unfilled; `find_output` gives that of a TaskOutputParameterSpec.

    Raises:
        ConfigError: a parameter comes from a source that can't be replayed.
    """
    values = {}
    for name, source in task.input_parameters.items():
        if "componentInputParameter" in source:
            if source["componentInputParameter"] in run_values:
                values[name] = run_values[source["componentInputParameter"]]
        elif "taskOutputParameter" in source:
            values[name] = find_output(source["taskOutputParameter"])
        elif "constant" in source.get("runtimeValue", {}):
            values[name] = source["runtimeValue"]["constant"]
        else:
            raise ConfigError(f"task {task.name}: parameter {name}: {sorted(source)} can't be replayed")
    return values


def _read_output(executor_input: Json) -> Json:
    path = Path(executor_input["outputs"]["outputFile"])
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def _compute_fingerprint(task: Task, executor_input: Json) -> str:
    """What the cache compares, as in Kubeflow's cacheutils/cache.go: all but the places of the outputs. That includes a
    driver's findings, such as the fingerprint of the input files.
    """
    inputs = executor_input["inputs"]
    known = {
        "artifacts": {key: [each["name"] for each in held["artifacts"]] for key, held in inputs["artifacts"].items()},
        "parameters": {**inputs["parameterValues"], **_read_output(executor_input).get("parameterValues", {})},
        "outputs": task.outputs,
        "container": {name: value for name, value in task.executor["container"].items() if name in _CACHE_KEYS},
    }
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


def _describe_failure(task: str, exit_code: int, log: Path) -> FerError:
    """The container's own sentence, as an error with its exit code."""
    said = read_last_line(log).removeprefix(_PREFIX)
    for kind in (GateError, DataError):
        if exit_code == kind.exit_code:
            return kind(f"{task}: {said}")
    return FerError(f"{task}: {said or 'no message'} (exit code {exit_code}); see {log}")


def read_last_line(log: Path) -> str:
    """The last line of a log that isn't blank."""
    lines = [line.strip() for line in log.read_text("utf-8", errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "")
