"""Ends a run with a message even if the kernel kills the run itself, or a worker process of Beam.

A process that runs out of memory gets no exception: it is killed, or aborts within native code. So the run works in a
child, forked before anything heavy is imported, and this small process waits for it.
"""

import ctypes
import os
import signal
import sys
import threading
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from fer_tfx.commands.ending import REQUESTS

_MEANINGS = {
    signal.SIGKILL: "most likely because memory ran out; close other programs, lower trainer.batch_size, or use a"
    " larger machine",
    signal.SIGABRT: "a library gave up, most likely because memory ran out; the log says more",
    signal.SIGSEGV: "a library crashed, perhaps because memory ran out; the log says more",
    signal.SIGBUS: "most likely because the disk is full; make room",
    signal.SIGTERM: "somebody ended it",
    signal.SIGHUP: "its terminal was closed",
}
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
# What Beam 2.59 raises in the thread that waits for the process (`SubprocessSdkWorker.run` of local_job_service.py).
_DEATH = "Worker subprocess exited"


def supervise(work: Callable[[], int]) -> int:
    """Do `work`, which prints its own messages, in a child process; its exit code.

    A request to end, whichever of the two processes gets it, ends the work in order, as `take_signals` arranges it. The
    child does not outlive this process, however that ends, and what the work has started, such as Beam's job servers,
    does not outlive the work.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    # What `nohup` had ignored stays so. Blocked, no request is lost between the fork and the wait.
    requests = {each for each in REQUESTS if each != signal.SIGHUP or signal.getsignal(each) != signal.SIG_IGN}
    waited = {*requests, signal.SIGCHLD}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, waited)
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)  # orphans of the work become this process's children
    parent, child = os.getpid(), os.fork()
    if child == 0:
        _work_and_leave(work, parent, mask)
    ended = 0
    while not ended:
        told = signal.sigwaitinfo(waited)
        if told.si_signo == signal.SIGCHLD:
            ended, status = os.waitpid(child, os.WNOHANG)
        elif told.si_code <= 0:  # from a process; what a terminal sends, it sends to the child as well
            os.kill(child, signal.SIGTERM)
    _kill_descendants()
    while signal.sigtimedwait(requests, 0):  # too late
        pass
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return code
    killer = signal.Signals(-code)
    meaning = _MEANINGS.get(killer, "a library crashed; the log says more")
    end = "the same command resumes where it stopped"
    print(f"fer-tfx: the run was ended by {killer.name}, {meaning}; {end}", file=sys.stderr)
    return 1


def _work_and_leave(work: Callable[[], int], parent: int, mask: Iterable[int]) -> NoReturn:
    """Never returns: what the parent was about to do must not be done twice."""
    code = 1
    try:
        end_with(parent)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        code = work()
        sys.stdout.flush()
        sys.stderr.flush()
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    except KeyboardInterrupt:  # before the work has begun
        print("fer-tfx: interrupted", file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def end_with(parent: int) -> None:
    """Have the kernel kill this process when its parent has ended, which has this id."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


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
