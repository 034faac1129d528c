"""A command in a process of its own -> what it took."""

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import NamedTuple

from benchmarks.measure import BenchmarkError, wait_for_usage

_ROOT = Path(__file__).resolve().parent.parent
_KIB_PER_MB = 1_000_000 / 1_024


class ProcessCost(NamedTuple):
    """From the start of the interpreter to its end."""

    wall_s: float
    cpu_s: float
    peak_rss_mb: float


def measure_process(command: Sequence[str]) -> ProcessCost:
    """Run a command in the project's folder. Raises BenchmarkError, with what it said last, if it fails."""
    with TemporaryFile() as log:
        started_s = time.monotonic()
        process = subprocess.Popen(command, cwd=_ROOT, stdout=log, stderr=subprocess.STDOUT)
        usage = wait_for_usage(process)
        wall_s = time.monotonic() - started_s
        if process.returncode:
            log.seek(0)
            last = log.read().decode("utf-8", errors="replace").strip().rpartition("\n")[2]
            raise BenchmarkError(f"{' '.join(command)}: exit code {process.returncode}: {last}")
    return ProcessCost(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / _KIB_PER_MB)
