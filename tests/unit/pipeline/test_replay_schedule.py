"""The order of tasks, with threads that wait for each other where a test depends on what runs beside what."""

import threading

import pytest

from fer_tfx.errors import DataError
from pipeline.replay.schedule import run_in_order

WAIT_S = 10


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


def test_run_in_order_after_a_failure_awaits_what_runs_and_starts_nothing():
    done, meeting = [], threading.Barrier(2, timeout=WAIT_S)

    def work(task):
        meeting.wait()
        if task == "bad":
            raise ValueError("refused")
        done.append(task)

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
