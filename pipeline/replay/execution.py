"""One task of a replay: from the results of earlier tasks, by a process of this machine, to a record in the store.

The store is one JSON object per line, append-only. It stands for the backends' metadata: the cache looks things up in
it, and an interrupted replay resumes from it.
"""

import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TextIO

from rich.console import Console

from fer_tfx.errors import ConfigError, DataError, FerError, GateError
from fer_tfx.quiet import is_quiet
from pipeline.failures import last_line
from pipeline.paths import is_remote
from pipeline.replay.backends import ENTRYPOINT, Backend
from pipeline.runners.compiled import CompiledPipeline, Json, Task
from pipeline.runners.container_entry import take_driver_output
from pipeline.runners.parameters import JOINED_PLACES, check_together, find_settings, resolve_parameters, substitute

_CHECKOUT = Path(__file__).parents[2]
_PYTHONS = ("python", "python3")
_PREFIX = "fer-tfx: "
_CACHE_KEYS = ("image", "command", "args")
SUCCEEDED, CACHED = "succeeded", "cached"


@dataclass(frozen=True)
class TaskRecord:
    """The result of a task that did not fail."""

    run: int
    task: str
    state: str
    fingerprint: str = ""
    artifacts: dict[str, list[Json]] = field(default_factory=dict)
    """By output key."""

    def list_artifacts(self) -> list[Json]:
        return [artifact for artifacts in self.artifacts.values() for artifact in artifacts]


class Store:
    """The log, open for one process at a time, else ConfigError; its methods may be called from several threads."""

    def __init__(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+", encoding="utf-8")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(f"{path.parent}: another replay is running there; wait, or give another --root") from None
        self._lock = threading.Lock()
        self._runs: dict[int, str] = {}
        self._ended: set[int] = set()
        self._tasks: list[TaskRecord] = []
        # A killed replay may leave its last line incomplete: that line goes, and its task is done again.
        self._file.seek(0)
        whole = self._file.read().rpartition("\n")[0]
        self._file.truncate(len(whole.encode()) + 1 if whole else 0)
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                self._take(json.loads(line))
            except (AttributeError, KeyError, TypeError, ValueError):
                raise DataError(f"{path}, line {number}: is no record of a replay; remove the file") from None

    def close(self) -> None:
        self._file.close()

    def begin(self, key: str) -> int:
        """Number of the run: that of the latest one if it was interrupted and had the same key, else a new one."""
        latest = max(self._runs, default=0)
        if latest and latest not in self._ended and self._runs[latest] == key:
            return latest
        self._write({"begun": latest + 1, "key": key})
        return latest + 1

    def end(self, run: int) -> None:
        """Note that the run is not to be resumed: all was done, or a task failed."""
        self._write({"ended": run})

    def add(self, record: TaskRecord) -> None:
        self._write(asdict(record))

    def find_task(self, run: int, task: str) -> TaskRecord | None:
        """The task's result in that run; None: it isn't done yet."""
        return next((each for each in self._tasks if (each.run, each.task) == (run, task)), None)

    def find_cached(self, fingerprint: str) -> TaskRecord | None:
        """The latest execution with that fingerprint whose artifacts are still there."""
        done = (each for each in reversed(self._tasks) if each.state == SUCCEEDED and each.fingerprint == fingerprint)
        return next((each for each in done if all(Path(one["path"]).exists() for one in each.list_artifacts())), None)

    def _write(self, content: Json) -> None:
        with self._lock:
            self._file.write(json.dumps(content) + "\n")
            self._file.flush()
            self._take(content)

    def _take(self, content: Json) -> None:
        if "begun" in content:
            self._runs[content["begun"]] = content["key"]
        elif "ended" in content:
            self._ended.add(content["ended"])
        else:
            content.pop("parameters", None)  # written by earlier releases
            self._tasks.append(TaskRecord(**content))


class ReplayView:
    """A plain line for each finished task; in a terminal, `status` adds one that names the running ones.

    Its methods may be called from several threads.
    """

    def __init__(self, output: TextIO):
        self._console = Console(file=output, highlight=False, soft_wrap=True, quiet=is_quiet())
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


class Processes:
    """The running commands, so that all can be ended at once. Its methods may be called from several threads."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._is_stopped = False

    def run(self, command: Sequence[str], log: Path) -> int:
        """Run a command, append its output to the log, and return its exit code; negative: a signal.

        `python` means this interpreter, which finds the packages of this checkout first, as in the image.
        """
        words = [sys.executable, *command[1:]] if command[0] in _PYTHONS else list(command)
        path = os.pathsep.join(filter(None, [str(_CHECKOUT), os.environ.get("PYTHONPATH")]))
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output, self._lock:
            if self._is_stopped:
                raise InterruptedError("the replay was interrupted")
            # In its own session, so that its children can be ended with it.
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
                env={**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"},
            )  # fmt: skip
            self._running.add(process)
        try:
            return process.wait()
        finally:
            with self._lock:
                self._running.discard(process)

    def stop(self) -> None:
        """End all running commands, and let no other start."""
        with self._lock:
            self._is_stopped = True
            for process in self._running:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGTERM)


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

        Raises FerError: it failed; the exit code is that of the container.
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
        self.view.finish(name, "unchanged" if record.state == CACHED else "", time.monotonic() - started)

    def _do(self, task: Task) -> TaskRecord:
        artifacts = {
            key: {"artifacts": [self.backend.show(each) for each in self._list_outputs(*source)]}
            for key, source in task.input_artifacts.items()
        }
        inputs = {"parameterValues": resolve_task(task, self.values), "artifacts": artifacts}
        if "importer" in task.executor:
            return self._import(task, inputs["parameterValues"])
        return self._run_container(task, {"inputs": inputs, "outputs": self.backend.provision(self.run, task)})

    def _list_outputs(self, task: str, key: str) -> list[Json]:
        record = self.store.find_task(self.run, task)
        assert record is not None, f"{task} was not done before"
        return record.artifacts.get(key, [])

    def _import(self, task: Task, values: Json) -> TaskRecord:
        importer = task.executor["importer"]
        source = importer["artifactUri"]
        uri = values[source["runtimeParameter"]] if "runtimeParameter" in source else source["constant"]
        given = {"name": "", "uri": substitute(str(uri), self.values), "type": importer["typeSchema"]}
        said = {"metadata": importer.get("metadata", {})}
        artifacts = {key: [self.backend.publish(key, given, said)] for key in task.output_artifacts}
        return TaskRecord(self.run, task.name, SUCCEEDED, artifacts=artifacts)

    def _run_container(self, task: Task, executor_input: Json) -> TaskRecord:
        container = task.executor["container"]
        driver = container.get("lifecycle", {}).get("preCacheCheck")
        if driver and self.backend.runs_drivers:
            self._start(task, driver, executor_input)
            take_driver_output(executor_input, _read_output(executor_input))
        fingerprint = _compute_fingerprint(task, executor_input)
        if task.is_cached and (cached := self.store.find_cached(fingerprint)):
            return TaskRecord(self.run, task.name, CACHED, fingerprint, cached.artifacts)
        self._start(task, container, executor_input)
        written = _read_output(executor_input).get("artifacts", {})
        artifacts = {}
        for key in task.output_artifacts:
            (given,) = executor_input["outputs"]["artifacts"][key]["artifacts"]
            (said,) = written.get(key, {}).get("artifacts", [{}])
            artifacts[key] = [self.backend.publish(key, given, said)]
        return TaskRecord(self.run, task.name, SUCCEEDED, fingerprint, artifacts)

    def _start(self, task: Task, container: Json, executor_input: Json) -> None:
        log = self.logs / f"{task.name}.log"
        exit_code = self.processes.run(self.backend.write_command(container, executor_input), log)
        if exit_code:
            raise _describe_failure(task.name, exit_code, log)


def resolve_run(pipeline: CompiledPipeline, overrides: Sequence[str], buckets: Path) -> Json:
    """As `resolve_parameters`, but a folder in `buckets` stands for each bucket that no override names.

    So it does for a local place, such as a cluster's volume, that the run would write to.
    """
    in_file = pipeline.defaults
    settings = find_settings(in_file)
    written = {settings.get(key) for key in JOINED_PLACES}
    for name, value in in_file.items():
        if isinstance(value, str) and is_remote(value):
            in_file[name] = str(buckets / value.replace("://", "/", 1))
        elif value and name in written:
            in_file[name] = f"{buckets}/file{os.path.abspath(value)}"  # noqa: PTH100 (resolves `..`)
    values = resolve_parameters(pipeline.declared, in_file, overrides)
    check_together(pipeline, values)
    return values


def find_fixed_places(task: Task, values: Json) -> list[str]:
    """Where a task of this project writes besides its outputs, whatever the values of the run's parameters."""
    if ENTRYPOINT not in task.executor.get("container", {}).get("command", ()):
        return []
    # Those of texts stand in quotes, and the places that they begin are the run's own.
    numbers = {name: value for name, value in values.items() if not isinstance(value, str)}
    given = resolve_task(task, numbers)
    settings, destination = (
        json.loads(substitute(given.get(key, "{}"), numbers)) for key in ("custom_config", "push_destination")
    )
    found = (
        given.get("baseline_folder"), settings.get("checkpoint_root"),
        destination.get("filesystem", {}).get("base_directory"),
    )  # fmt: skip
    return [each for each in found if each and "{{" not in each]


def resolve_task(task: Task, run_values: Json) -> Json:
    """Values of a task's parameters, placeholders unfilled; one of the run that has no value is left out."""
    values = {}
    for name, source in task.input_parameters.items():
        if "runtimeValue" in source:
            values[name] = source["runtimeValue"]["constant"]
        elif source["componentInputParameter"] in run_values:
            values[name] = run_values[source["componentInputParameter"]]
    return values


def _read_output(executor_input: Json) -> Json:
    path = Path(executor_input["outputs"]["outputFile"])
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def _compute_fingerprint(task: Task, executor_input: Json) -> str:
    """What the cache compares, as in Kubeflow's cache.go: a driver's findings too, but no places of outputs."""
    inputs = executor_input["inputs"]
    known = {
        "artifacts": {key: [each["name"] for each in held["artifacts"]] for key, held in inputs["artifacts"].items()},
        "parameters": {**inputs["parameterValues"], **_read_output(executor_input).get("parameterValues", {})},
        "outputs": {"artifacts": task.output_artifacts},
        "container": {name: value for name, value in task.executor["container"].items() if name in _CACHE_KEYS},
    }
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


def _describe_failure(task: str, exit_code: int, log: Path) -> FerError:
    """The container's own sentence, as an error with its exit code."""
    said = last_line(log.read_text("utf-8", errors="replace")).removeprefix(_PREFIX)
    for kind in (GateError, DataError):
        if exit_code == kind.exit_code:
            return kind(f"{task}: {said}")
    return FerError(f"{task}: {said or 'no message'} (exit code {exit_code}); see {log}")
