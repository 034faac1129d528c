"""fer-tfx replay: a compiled pipeline on this machine, container by container."""

import hashlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from functools import partial
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from fer_tfx.commands.ending import print_error
from fer_tfx.counted import counted
from fer_tfx.errors import ConfigError, DataError, FerError, GateError
from fer_tfx.quiet import print_note
from pipeline.paths import is_remote
from pipeline.replay.backends import make_backend
from pipeline.replay.execution import (
    Execution,
    Processes,
    ReplayView,
    Store,
    find_fixed_places,
    resolve_run,
    resolve_task,
)
from pipeline.runners.compiled import CompiledPipeline, Json, Task, find_title, read_compiled
from pipeline.runners.parameters import substitute
from pipeline.stack import require_tfx
from reporting import NUMBERS_FILE

# As in components/artifacts.py, which would import TFX; and so below.
REPORT_TYPE = "components.Report"
_ON_DATAFLOW, _ON_VERTEX, _PUSHER = (
    "--runner=DataflowRunner", "pipeline.runners.vertex_training.JobExecutor", "components.atomic_pusher.Executor",
)  # fmt: skip


def replay(path: Path, flavor: str, root: Path, overrides: Sequence[str], workers: int) -> int:
    """Execute the compiled pipeline as its backend would; the exit code is 0, or 3 if a gate refused the model.

    Everything is written below `<root>/<flavor>/<pipeline>`; an empty `flavor` is the one that the form of the file is
    for. `overrides` are `name=value` of parameters, `workers` the tasks at a time, 0 for one per core.

    Raises FerError: bad input, or a task failed; the exit code is that of its container.
    """
    require_tfx()
    if workers < 0:
        raise ConfigError(f"--workers: expected how many, 0 for one per core, got {workers}")
    pipeline = read_compiled(path)
    for task in pipeline.tasks.values():
        if task.unsupported:
            parts = ", ".join(task.unsupported)
            raise ConfigError(f"{path}: task {task.name}: {parts} can't be replayed; `fer-tfx compile` writes none")
    flavor = flavor or pipeline.flavor
    home = root.expanduser().absolute() / flavor / pipeline.name
    values = resolve_run(pipeline, overrides, home / "buckets")
    _require_local(path, pipeline, values, home)
    started = time.monotonic()
    with closing(Store(home / "replay.jsonl")) as store:
        # An interrupted replay is resumed if its key is the same.
        key = hashlib.sha256(pipeline.content + json.dumps(values, sort_keys=True).encode()).hexdigest()
        run = store.begin(key)
        logs = home / "logs" / str(run)
        print_note(
            f"fer-tfx: replay {run} of {pipeline.name!r} for {flavor},"
            f" {counted(len(pipeline.tasks), 'task')}; logs: {logs}"
        )
        view = ReplayView(sys.stdout)
        with view.status:
            backend = make_backend(flavor, home, pipeline.name)
            _run(Execution(pipeline, backend, store, run, values, logs, Processes(), view), workers)
        report = _find_report(store, run, pipeline)
    page = f"report       {report / 'report.html'}\n" if report else ""
    print(f"\n{page}{'time':<12} {time.monotonic() - started:.0f} s", flush=True)
    refusals = json.loads((report / NUMBERS_FILE).read_text("utf-8"))["verdict"]["refusals"] if report else []
    if refusals:
        print_error(f"the gate refused the model: {'; '.join(refusals)}")
    return GateError.exit_code if refusals else 0


def _require_local(path: Path, pipeline: CompiledPipeline, values: Json, home: Path) -> None:
    """ConfigError: a task would reach for Google Cloud by more than paths, or write outside of `home`."""
    acts, remedies = [], []
    for act, is_done, remedy in (
        ("start jobs on Dataflow", _has_word(_ON_DATAFLOW), "--set deploy.beam=in_process"),
        ("start a job of Vertex Training", _has_word(_ON_VERTEX), "--set deploy.training=container"),
        ("push to an endpoint of Vertex AI", partial(_pushes_to_endpoint, values), "--set serving.endpoint.name="),
    ):
        if any(is_done(task) for task in pipeline.tasks.values()):
            acts.append(act)
            remedies.append(remedy)
    if acts:
        raise ConfigError(f"{path}: it would {' and '.join(acts)}; for a replay, compile with {' '.join(remedies)}")
    places = {place for task in pipeline.tasks.values() for place in find_fixed_places(task, values)}
    if outside := sorted(each for each in places if is_remote(each) or not Path(each).is_relative_to(home)):
        raise ConfigError(
            f"{path}: it would write to {', '.join(outside)}; for a replay, compile with runtime.root and"
            " runtime.serving_path in deploy.parameters"
        )


def _has_word(word: str) -> Callable[[Task], bool]:
    return lambda task: word in task.executor.get("container", {}).get("args", ())


def _pushes_to_endpoint(values: Json, task: Task) -> bool:
    if not _has_word(_PUSHER)(task):
        return False
    # Filled in first: numbers stand without quotes.
    given = substitute(resolve_task(task, values).get("custom_config", "{}"), values)
    serving = json.loads(json.loads(given).get("serving", "{}"))
    return bool(serving.get("endpoint", {}).get("name"))


def _run(execution: Execution, workers: int) -> None:
    # So that the children of a terminated process end too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    dependencies, stop = execution.pipeline.list_dependencies(), execution.processes.stop
    try:
        run_in_order(dependencies, execution.run_task, stop, workers or len(os.sched_getaffinity(0)))
    except KeyboardInterrupt:
        raise FerError("interrupted; the same command resumes with the unfinished tasks") from None
    except Exception:
        execution.store.end(execution.run)
        raise
    execution.store.end(execution.run)


def run_in_order(
    dependencies: Mapping[str, set[str]], work: Callable[[str], None], stop: Callable[[], None], workers: int
) -> None:
    """Do the work of each task after the tasks that it depends on, at most `workers` at a time, each in a thread.

    After a failure nothing more is started, running tasks are awaited, as in Argo, and the error of the first that
    failed is raised; an interruption stops them. Raises DataError: tasks depend on each other in a circle.
    """
    sorter = TopologicalSorter(dependencies)
    try:
        sorter.prepare()
    except CycleError as error:
        raise DataError(f"tasks depend on each other in a circle: {', '.join(error.args[1])}") from None
    with ThreadPoolExecutor(workers) as pool:
        running: dict[Future[None], str] = {}
        try:
            while sorter.is_active():
                for task in sorter.get_ready():
                    running[pool.submit(work, task)] = task
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    future.result()
                    sorter.done(running.pop(future))
        except KeyboardInterrupt:
            stop()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _find_report(store: Store, run: int, pipeline: CompiledPipeline) -> Path | None:
    """Folder of the run's report; None: it made none."""
    records = filter(None, (store.find_task(run, name) for name in pipeline.tasks))
    made = (artifact for record in records for artifact in record.list_artifacts())
    return next((Path(each["path"]) for each in made if find_title(each["type"]) == REPORT_TYPE), None)
