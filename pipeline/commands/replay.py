"""fer-tfx replay: a compiled pipeline on this machine, container by container."""

import hashlib
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from fer_tfx.errors import FerError, GateError
from fer_tfx.installation import require_tfx
from pipeline.replay.backends import make_backend
from pipeline.replay.compiled import Json, read_compiled
from pipeline.replay.execution import Execution
from pipeline.replay.parameters import resolve_run
from pipeline.replay.processes import Processes
from pipeline.replay.schedule import run_in_order
from pipeline.replay.store import Store
from pipeline.replay.verdict import find_report, read_refusals
from pipeline.replay.view import ReplayView


def replay(path: Path, flavor: str, root: Path, overrides: Sequence[str], workers: int) -> int:
    """Execute the pipeline as its backend would; the exit code is 0, or 3 if a gate refused the model.

    Args:
        path: the compiled pipeline.
        flavor: `vertex` or `kubeflow`; empty: the one that the form of the file is for.
        root: everything is written below `<root>/<flavor>/<pipeline>`.
        overrides: `name=value` for parameters of the pipeline.
        workers: how many tasks may run at a time; 0: one for each core.

    Raises:
        FerError: bad input, or a task failed; the exit code is that of its container.
    """
    require_tfx()
    pipeline = read_compiled(path)
    flavor = flavor or pipeline.flavor
    home = root.expanduser().absolute() / flavor / pipeline.name
    values = resolve_run(pipeline.declared, pipeline.given, overrides, home / "buckets")
    started = time.monotonic()
    with closing(Store(home / "replay.jsonl")) as store:
        run = store.begin(_compute_key(path, values))
        logs = home / "logs" / str(run)
        print(f"fer-tfx: replay {run} of {pipeline.name!r} for {flavor}, {len(pipeline.tasks)} tasks; logs: {logs}")
        with ReplayView(sys.stdout) as view:
            backend = make_backend(flavor, home, pipeline.name)
            _run(Execution(pipeline, backend, store, run, values, logs, Processes(), view), workers)
        report = find_report([record for task in pipeline.tasks if (record := store.find_task(run, task))])
    _print_summary(report, time.monotonic() - started)
    refusals = read_refusals(report) if report else []
    if refusals:
        print(f"fer-tfx: the gate refused the model: {'; '.join(refusals)}", file=sys.stderr)
    return GateError.exit_code if refusals else 0


def _run(execution: Execution, workers: int) -> None:
    # Whoever ends this process wants its children ended too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    dependencies, stop = execution.pipeline.list_dependencies(), execution.processes.stop
    try:
        run_in_order(dependencies, execution.run_task, stop, workers or len(os.sched_getaffinity(0)))
    except KeyboardInterrupt:
        raise FerError("interrupted; the same command goes on with the tasks that are not done") from None
    except Exception:
        execution.store.end(execution.run)
        raise
    execution.store.end(execution.run)


def _compute_key(path: Path, values: Json) -> str:
    """Says whether an interrupted replay may be gone on with."""
    return hashlib.sha256(path.read_bytes() + json.dumps(values, sort_keys=True).encode()).hexdigest()


def _print_summary(report: Path | None, seconds: float) -> None:
    page = f"report       {report / 'report.html'}\n" if report else ""
    print(f"\n{page}{'time':<12} {seconds:.0f} s", flush=True)
