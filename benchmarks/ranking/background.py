"""Long work on a shared machine: take the idle CPU time only, and tell how much others took."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness.marks import read_cpu_s


def give_way() -> None:
    """Yield to every other process from now on. Call it before threads are started: those keep their priority.

    Linux groups processes by session and shares the cores among groups first, where `sched_autogroup_enabled` is 1:
    start such work with `setsid`, and write 19 to the `/proc/PID/autogroup` of its first process.
    """
    os.nice(19)
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def read_busy_s() -> float:
    """Seconds that all cores together have worked, for any process, since the machine started."""
    ticks = [int(text) for text in Path("/proc/stat").read_text("ascii").splitlines()[0].split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")  # without idle and iowait: man 5 proc


def watch_cores() -> Callable[[], dict[str, float]]:
    """Start measuring; the result gives `cpu_seconds` of this process since then, and `others_fraction`, 0-1: the
    share of all cores' time that others took."""
    started_s, busy_s, cpu_s = time.monotonic(), read_busy_s(), read_cpu_s()

    def finish() -> dict[str, float]:
        own_s = read_cpu_s() - cpu_s
        others_s = max(0.0, read_busy_s() - busy_s - own_s)
        capacity_s = (time.monotonic() - started_s) * (os.cpu_count() or 1)
        return {"cpu_seconds": round(own_s), "others_fraction": round(others_s / capacity_s, 3)}

    return finish
