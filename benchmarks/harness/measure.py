"""A command in a process of its own, and what it cost."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any, NamedTuple

from benchmarks.harness.command import ROOT
from fer_tfx.errors import FerError

_KIB_PER_MB = 1_000_000 / 1_024
_SHOWN_LOG_LINES = 20
QUIET = {"PYTHONWARNINGS": "ignore", "TF_CPP_MIN_LOG_LEVEL": "3"}


class BenchmarkError(FerError):
    """A measured process failed."""


class ProcessCost(NamedTuple):
    """From the start of the interpreter to its end, ended children included."""

    wall_s: float
    cpu_s: float
    peak_rss_mb: float
    """At least that of the process that started it."""


@dataclass(frozen=True)
class Cost:
    """What one process of `benchmarks.harness.marks` took."""

    part_cpu_s: dict[str, float]
    """CPU seconds of each part, by name, without the import."""
    import_cpu_s: float
    whole_cpu_s: float
    """From the start of the interpreter to its end, children included."""
    wall_s: float
    """Of the whole process."""
    peak_rss_mb: float
    part_peaks_mb: dict[str, float]
    """The peak until the end of each part, the import among them."""
    part_bytes: dict[str, float] = field(default_factory=dict)
    """What each part left on disk, if the way tells."""

    @property
    def preparation_cpu_s(self) -> float:
        return sum(self.part_cpu_s.values())


def measure_process(command: Sequence[str], **environment: str) -> ProcessCost:
    """Run a command in the project's folder. Raises BenchmarkError, with the end of its output, if it fails."""
    with TemporaryFile() as log:
        started_s = time.monotonic()
        process = subprocess.Popen(
            command, cwd=ROOT, env={**QUIET, **os.environ, **environment}, stdout=log, stderr=subprocess.STDOUT
        )
        usage = _wait_for_usage(process)
        wall_s = time.monotonic() - started_s
        if process.returncode:
            log.seek(0)
            lines = log.read().decode("utf-8", errors="replace").splitlines()[-_SHOWN_LOG_LINES:]
            end = "\n".join(lines)
            raise BenchmarkError(f"{' '.join(command)}: exit code {process.returncode}; its output ends with\n{end}")
    return ProcessCost(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / _KIB_PER_MB)


def _wait_for_usage(process: subprocess.Popen[bytes]) -> resource.struct_rusage:
    """What the process used, which `Popen.wait` doesn't tell. Interrupted, it kills the process."""
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        process.kill()
        process.wait()
        raise
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage


def run_way(way: str, csv_path: Path, folder: Path | None = None) -> Cost:
    """Run `benchmarks.ways.<way>`, such as `pipeline.run_data_nodes`, on a CSV once.

    Args:
        way: module and function.
        csv_path: its input.
        folder: for what it writes; by default one that is removed afterwards.
    """
    with TemporaryDirectory(prefix="benchmark-") as temporary:
        marks = Path(temporary, "marks.json")
        arguments = [way, str(csv_path), str(folder or temporary), str(marks)]
        command = [sys.executable, "-m", "benchmarks.harness.marks", *arguments]
        usage = measure_process(command, TMPDIR=temporary)
        return Cost(whole_cpu_s=usage.cpu_s, wall_s=usage.wall_s, **json.loads(marks.read_text("utf-8")))


def measure(way: str, csv_path: Path, repeat_count: int = 1) -> Cost:
    """Run a way several times, one process after the other; the median of each figure."""
    costs = [asdict(run_way(way, csv_path)) for _ in range(repeat_count)]
    return Cost(**{key: _take_median([cost[key] for cost in costs]) for key in costs[0]})


def _take_median(values: Sequence[Any]) -> Any:
    if isinstance(values[0], dict):
        return {part: median(each[part] for each in values) for part in values[0]}
    return median(values)
