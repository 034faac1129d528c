"""Watches a run from outside, so that one which the kernel kills still ends with a message.

A process that runs out of memory gets no exception: it is killed, or aborts within native code. So the run works in a
child, forked before anything heavy is imported, and this small process waits for it.
"""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

_MEANINGS = {
    signal.SIGKILL: "most likely because memory ran out; close other programs, lower trainer.batch_size, or use a"
    " larger machine",
    signal.SIGABRT: "a library gave up, most likely because memory ran out; the log says more",
    signal.SIGSEGV: "a library crashed, perhaps because memory ran out; the log says more",
    signal.SIGBUS: "most likely because the disk is full; make room",
    signal.SIGTERM: "somebody ended it",
}


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
