"""Tasks in the order of their dependencies, and their commands as processes of this machine."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from fer_tfx.errors import DataError

_CHECKOUT = Path(__file__).parents[2]
_PYTHONS = ("python", "python3")


def run_in_order(
    dependencies: Mapping[str, set[str]], work: Callable[[str], None], stop: Callable[[], None], workers: int
) -> None:
    """Do the work of each task after the tasks that it depends on, at most `workers` at a time, each in a thread.

    After a failure nothing more is started, and running tasks are awaited, as in Argo; an interruption stops them.

    Raises:
        DataError: tasks depend on each other in a circle.
        Exception: that of the first task that failed.
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
