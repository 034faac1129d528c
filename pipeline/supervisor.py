"""Ends a run with a message even if the kernel kills the run itself, or a worker process of Beam.

A process that runs out of memory gets no exception: it is killed, or aborts within native code. So the run works in a
child, forked before anything heavy is imported, and this small process waits for it.
"""

import os
import signal
import sys
import threading
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

_MEANINGS = {
    signal.SIGKILL: "most likely because memory ran out; close other programs, lower trainer.batch_size, or use a"
    " larger machine",
    signal.SIGABRT: "a library gave up, most likely because memory ran out; the log says more",
    signal.SIGSEGV: "a library crashed, perhaps because memory ran out; the log says more",
    signal.SIGBUS: "most likely because the disk is full; make room",
    signal.SIGTERM: "somebody ended it",
}
# What Beam 2.59 raises in the thread that waits for the process (`SubprocessSdkWorker.run` of local_job_service.py).
_DEATH = "Worker subprocess exited"


def supervise(work: Callable[[], int]) -> int:
    """Do `work`, which prints its own messages, in a child process; its exit code.

    The child gets the signals that ask for an end: SIGINT from the terminal, SIGTERM and SIGHUP from here.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _work_and_leave(work)

    def pass_on(number: int, _: object) -> None:
        os.kill(child, number)

    handlers: dict[int, Any] = {signal.SIGINT: signal.SIG_IGN, signal.SIGTERM: pass_on, signal.SIGHUP: pass_on}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    _, status = os.waitpid(child, 0)
    for number, handler in before.items():
        signal.signal(number, handler)
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return code
    killer = signal.Signals(-code)
    meaning = _MEANINGS.get(killer, "a library crashed; the log says more")
    end = "the same command resumes where it stopped"
    print(f"fer-tfx: the run was ended by {killer.name}, {meaning}; {end}", file=sys.stderr)
    return 1


def _work_and_leave(work: Callable[[], int]) -> NoReturn:
    """Never returns: what the parent was about to do must not be done twice."""
    code = 1
    try:
        code = work()
        sys.stdout.flush()
        sys.stderr.flush()
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


@contextmanager
def ending_with_workers() -> Iterator[None]:
    """Within the block, which the main thread must enter, a worker's death raises Beam's own RuntimeError there.

    Beam itself would wait for the worker's answer forever.
    """
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
