import subprocess
import sys
import time

from benchmarks.experiments import read_busy_s, watch_cores

_GIVE_WAY = """
import os
from benchmarks.experiments import give_way
give_way()
print(os.nice(0), os.sched_getscheduler(0) == os.SCHED_IDLE)
"""


def burn(cpu_s: float) -> None:
    started_s = time.process_time()
    while time.process_time() - started_s < cpu_s:
        pass


def test_give_way_process_comes_last():
    done = subprocess.run([sys.executable, "-c", _GIVE_WAY], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["19", "True"]


def test_read_busy_s_counts_what_this_process_does():
    before_s = read_busy_s()
    burn(1.0)
    assert read_busy_s() - before_s > 0.9


def test_watch_cores_tells_own_work_from_that_of_others():
    finish = watch_cores()
    # A child's time is its own until it has ended.
    other = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        burn(1.0)
        found = finish()
    finally:
        other.kill()
        other.wait()
    assert found["cpu_seconds"] == 1
    assert 0 < found["others_fraction"] < 1
