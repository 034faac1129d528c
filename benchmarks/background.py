"""Long work beside other people's: take what they leave, and tell how much they took."""

import os
from pathlib import Path

_STAT = Path("/proc/stat")
_IDLE_COLUMNS = (3, 4)  # of its first line: idle and waiting for disks; man 5 proc


def give_way() -> None:
    """Let every other process go first, from now on. Call it before threads are started: those don't change.

    Linux groups processes by session and shares the cores among groups first, where `sched_autogroup_enabled` is 1:
    start such work with `setsid`, and write 19 to the `/proc/PID/autogroup` of its first process.
    """
    os.nice(19)
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def read_busy_s() -> float:
    """Seconds for which the cores have worked, for anybody, since the machine was started, summed over all cores."""
    ticks = [int(text) for text in _STAT.read_text("ascii").splitlines()[0].split()[1:9]]
    idle = sum(ticks[column] for column in _IDLE_COLUMNS)
    return (sum(ticks) - idle) / os.sysconf("SC_CLK_TCK")
