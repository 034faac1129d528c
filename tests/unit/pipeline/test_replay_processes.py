"""The order of tasks, and their commands as processes.

Threads wait for each other where a test depends on what runs at the same time.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fer_tfx.errors import DataError
from pipeline.replay import command
from pipeline.replay.command import run_in_order
from pipeline.replay.execution import Processes

PROJECT = Path(__file__).parents[3]
WAIT_S = 10


def test_run_python_is_this_one_with_the_packages_of_this_checkout(tmp_path, monkeypatch):
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline" / "__init__.py").write_text("raise ImportError('of the working folder')")
    monkeypatch.chdir(tmp_path)
    code = "import pipeline, sys; print(pipeline.__file__, sys.executable)"
    log = tmp_path / "logs" / "task.log"
    assert Processes().run(["python", "-c", code], log) == 0
    package, python = log.read_text().split()
    assert package == str(PROJECT / "pipeline" / "__init__.py")
    assert Path(python).is_file()


def test_run_output_of_several_commands_is_kept_in_order(tmp_path):
    processes, log = Processes(), tmp_path / "task.log"
    assert processes.run(["sh", "-c", "echo driver"], log) == 0
    assert processes.run(["sh", "-c", "echo out; echo error >&2; exit 5"], log) == 5
    assert log.read_text() == "driver\nout\nerror\n"


def test_stop_ends_a_command_with_its_children_and_lets_none_start(tmp_path):
    processes, log, codes = Processes(), tmp_path / "task.log", []
    thread = threading.Thread(
        target=lambda: codes.append(processes.run(["sh", "-c", "sleep 60 & echo $!; wait"], log))
    )  # fmt: skip
    thread.start()
    while not (log.exists() and log.read_text().endswith("\n")):
        time.sleep(0.02)
    processes.stop()
    thread.join(10)
    assert codes == [-15]
    child = Path(f"/proc/{log.read_text().strip()}/stat")
    while child.exists() and child.read_text().split()[2] != "Z":
        time.sleep(0.02)
    with pytest.raises(InterruptedError):
        processes.run(["sh", "-c", "echo never"], log)


def nothing():
    return None


def test_run_in_order_independent_tasks_run_side_by_side():
    meeting = threading.Barrier(2, timeout=WAIT_S)
    run_in_order({"a": set(), "b": set()}, lambda task: meeting.wait() and None, nothing, workers=2)
    assert not meeting.broken


def test_run_in_order_never_runs_more_than_the_workers():
    running, most, lock = [], [], threading.Lock()

    def work(task):
        with lock:
            running.append(task)
            most.append(len(running))
        with lock:
            running.remove(task)

    run_in_order({str(each): set() for each in range(20)}, work, nothing, workers=1)
    assert max(most) == 1
    assert len(most) == 20


def test_run_in_order_after_a_failure_awaits_what_runs_and_starts_nothing(monkeypatch):
    done, begun, failed = [], threading.Event(), threading.Event()

    class WatchedPool(ThreadPoolExecutor):
        def shutdown(self, *args, **kwargs):
            failed.set()
            super().shutdown(*args, **kwargs)

    def work(task):
        if task == "bad":
            assert begun.wait(WAIT_S)
            raise ValueError("refused")
        begun.set()
        assert failed.wait(WAIT_S)
        done.append(task)

    monkeypatch.setattr(command, "ThreadPoolExecutor", WatchedPool)
    dependencies = {"bad": set(), "beside": set(), "after_bad": {"bad"}, "after_beside": {"beside"}}
    with pytest.raises(ValueError, match="refused"):
        run_in_order(dependencies, work, nothing, workers=2)
    assert done == ["beside"]


def test_run_in_order_interrupted_stops_what_runs():
    stopped, calls, meeting = threading.Event(), [], threading.Barrier(2, timeout=WAIT_S)

    def work(task):
        calls.append(task)
        meeting.wait()
        if task == "keys":
            raise KeyboardInterrupt
        assert stopped.wait(WAIT_S)

    with pytest.raises(KeyboardInterrupt):
        run_in_order({"keys": set(), "slow": set(), "after": {"slow"}}, work, stopped.set, workers=2)
    assert sorted(calls) == ["keys", "slow"]


def test_run_in_order_circle_is_refused():
    with pytest.raises(DataError, match=r"^tasks depend on each other in a circle: "):
        run_in_order({"a": {"b"}, "b": {"a"}}, nothing, nothing, workers=1)
