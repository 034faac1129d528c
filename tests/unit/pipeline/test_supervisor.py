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


@pytest.mark.parametrize("end", ["return 0", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_what_the_work_has_started_ends_with_it(end: str) -> None:
    """As the job server that Beam starts for Flink and Spark, which waits forever."""
    started = "import subprocess\nidle = subprocess.Popen(['sleep', '60'], stdout=subprocess.DEVNULL, stderr=-3)"
    done = supervised(f"{started}\nprint(idle.pid, flush=True)\n{end}")
    assert not is_running(int(done.stdout.split()[0]))


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


WAITING = (
    HEAD
    + """
from fer_tfx.commands.ending import take_signals

take_signals()
def work():
    try:
        print(os.getpid(), flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        print("cleaning", flush=True)
        time.sleep(0.3)
        print("in order", flush=True)
        return 7
sys.exit(supervise(work))
"""
)


def start_waiting(**options: object) -> tuple["subprocess.Popen[str]", int]:
    """A supervised program that waits, and the process of its work."""
    running = subprocess.Popen(
        [sys.executable, "-c", WAITING], stdout=subprocess.PIPE, text=True, cwd=PROJECT, **options
    )
    assert running.stdout is not None
    return running, int(running.stdout.readline())


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def read_rest(running: "subprocess.Popen[str]") -> str:
    assert running.stdout is not None
    return running.stdout.read()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda each: each.name)
@pytest.mark.parametrize("receiver", ["process", "work", "group"])
def test_request_to_end_ends_the_work_in_order_whoever_gets_it(number: signal.Signals, receiver: str) -> None:
    running, work = start_waiting(start_new_session=True)
    if receiver == "group":
        os.killpg(running.pid, number)
    else:
        os.kill(running.pid if receiver == "process" else work, number)
    assert (running.wait(30), read_rest(running)) == (7, "cleaning\nin order\n")


def test_request_that_comes_twice_at_once_does_not_disturb_the_orderly_end() -> None:
    running, _ = start_waiting()
    for _ in range(3):
        os.kill(running.pid, signal.SIGTERM)
        time.sleep(0.05)
    assert (running.wait(30), read_rest(running)) == (7, "cleaning\nin order\n")


@pytest.mark.parametrize(
    ("ignored", "number", "is_ended"),
    [("HUP", signal.SIGHUP, False), ("INT", signal.SIGINT, True)],
    ids=["nohup", "in the background of a script"],
)
def test_request_that_is_ignored_from_the_start(ignored: str, number: signal.Signals, is_ended: bool) -> None:
    """`nohup` means it; that a script's background job ignores SIGINT is the shell's doing, not a person's."""
    script = f"trap '' {ignored}; exec {sys.executable} -c \"$0\""
    running = subprocess.Popen(["sh", "-c", script, WAITING], stdout=subprocess.PIPE, text=True, cwd=PROJECT)
    assert running.stdout is not None
    running.stdout.readline()
    os.kill(running.pid, number)
    if is_ended:
        assert (running.wait(30), read_rest(running)) == (7, "cleaning\nin order\n")
        return
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(0.5)
    running.terminate()
    assert running.wait(30) == 7


def test_supervisor_that_is_killed_leaves_no_child() -> None:
    running, work = start_waiting()
    running.kill()
    running.wait(30)
    deadline = time.monotonic() + 10
    while is_running(work):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_request_between_fork_and_handlers_orphans_nothing() -> None:
    """It is sent from within `fork`: the earliest moment there is a child."""
    program = WAITING.replace(
        "sys.exit(supervise(work))",
        "fork = os.fork\n"
        "def forking():\n"
        "    child = fork()\n"
        "    if child:\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "    return child\n"
        "os.fork = forking\n"
        "sys.exit(supervise(work))",
    )
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=PROJECT, check=False)
    assert time.monotonic() - started < 30  # the work would wait for 60 s
    assert done.returncode in (1, 7)  # before the work has begun, or after
    assert "Traceback" not in done.stderr
