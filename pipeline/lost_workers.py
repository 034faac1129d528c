"""Ends a run whose worker process was killed: Beam itself would wait for its answer forever."""

import os
import signal
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

# What Beam 2.59 raises in the thread that waits for the process (`SubprocessSdkWorker.run` of local_job_service.py).
_DEATH = "Worker subprocess exited"


@contextmanager
def ending_with_workers() -> Iterator[None]:
    """Within the block, which the main thread must enter, a worker's death raises Beam's own RuntimeError there."""
    deaths: list[BaseException] = []
    hook_before = threading.excepthook

    def listen(arguments: Any) -> None:
        if _DEATH in str(arguments.exc_value) and not deaths:  # the workers killed below follow
            deaths.append(arguments.exc_value)
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
        hook_before(arguments)

    def end(*_: object) -> None:
        _kill_descendants()  # Beam waits for the remaining workers as it leaves
        raise deaths[0]

    handler_before = signal.signal(signal.SIGUSR1, end)
    threading.excepthook = listen
    try:
        yield
    finally:
        threading.excepthook = hook_before
        signal.signal(signal.SIGUSR1, handler_before)


def _kill_descendants() -> None:
    children = defaultdict(list)
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended in the meantime
            # After the name, which is in brackets and may hold anything: the state and the parent.
            parent = int((folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[1])
            children[parent].append(int(folder.name))
    generation = children[os.getpid()]
    while generation:
        for process in generation:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        generation = [child for process in generation for child in children[process]]
