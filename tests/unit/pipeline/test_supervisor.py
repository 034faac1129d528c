"""A run that is killed within ends with one line, not without a word; what it returns itself is passed on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
HEAD = """
import os, signal, sys, time
from pipeline.supervisor import supervise
"""


def supervised(body: str) -> "subprocess.CompletedProcess[str]":
    """A program whose supervised work is `body`."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    program = f"{HEAD}\ndef work():\n{lines}\ncode = supervise(work)\nprint('after', flush=True)\nsys.exit(code)\n"
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=PROJECT, timeout=60
    )


@pytest.mark.parametrize("code", [0, 1, 2, 3])
def test_supervise_work_that_ends_by_itself_passes_on_its_code_and_words(code: int) -> None:
    done = supervised(f"print('said')\nreturn {code}")
    assert (done.returncode, done.stdout, done.stderr) == (code, "said\nafter\n", "")


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (signal.SIGKILL, "SIGKILL, most likely because memory ran out; close other programs"),
        (signal.SIGABRT, "SIGABRT, a library gave up, most likely because memory ran out"),
        (signal.SIGSEGV, "SIGSEGV, a library crashed, perhaps because memory ran out; the log"),
        (signal.SIGFPE, "SIGFPE, a library crashed; the log says more"),
        (signal.SIGTERM, "SIGTERM, somebody ended it"),
    ],
)
def test_supervise_work_that_is_killed_ends_with_1_and_one_line(number: signal.Signals, said: str) -> None:
    done = supervised(f"os.kill(os.getpid(), {int(number)})\ntime.sleep(60)")
    assert done.returncode == 1
    assert done.stderr.startswith(f"fer-tfx: the run was ended by {said}")
    assert done.stderr.endswith("; the same command resumes where it stopped\n")
    assert done.stderr.count("\n") == 1


def test_supervise_work_that_needs_more_memory_than_there_is_says_so() -> None:
    """A real failure to allocate, in native code, which no exception tells of."""
    done = supervised(
        "import resource, ctypes\n"
        "resource.setrlimit(resource.RLIMIT_AS, (10**9, 10**9))\n"
        "libc = ctypes.CDLL(None)\n"
        "libc.malloc.restype = ctypes.c_void_p\n"
        "assert libc.malloc(ctypes.c_size_t(2 * 10**9)) is None\n"
        "os.abort()"
    )
    assert done.returncode == 1
    assert "ended by SIGABRT" in done.stderr


def test_supervise_work_that_exits_passes_on_the_code() -> None:
    assert supervised("sys.exit(2)").returncode == 2


def test_supervise_unforeseen_error_shows_its_traceback() -> None:
    done = supervised("raise ValueError('bad')")
    assert done.returncode == 1
    assert "ValueError: bad" in done.stderr


def test_supervise_request_to_end_reaches_the_work() -> None:
    program = HEAD + (
        "def work():\n"
        "    signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
        "sys.exit(supervise(work))\n"
    )
    running = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=PROJECT)
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"
    time.sleep(0.1)
    os.kill(running.pid, signal.SIGTERM)
    assert running.wait(30) == 7
