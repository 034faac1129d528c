"""One way in a fresh process, with what it cost."""

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.marks import BYTES_KEY, CPU_KEY, IMPORT_PART, PART_PEAKS_KEY, PEAK_RSS_KEY
from fer_tfx.errors import FerError

_ROOT = Path(__file__).resolve().parent.parent
_SHOWN_LOG_LINES = 20


class BenchmarkError(FerError):
    """A measured process failed."""


@dataclass(frozen=True)
class Cost:
    """What one process took."""

    part_cpu_s: dict[str, float]
    """CPU seconds of each part of the preparation, by name."""
    import_cpu_s: float
    whole_cpu_s: float
    """From the start of the interpreter to its end, children included."""
    wall_s: float
    """Of the whole process."""
    peak_rss_mb: float
    part_peaks_mb: dict[str, float]
    """The peak until the end of each part, the import among them."""
    part_bytes: dict[str, int] = field(default_factory=dict)
    """What each part has left on disk, where the way tells it."""

    @property
    def preparation_cpu_s(self) -> float:
        return sum(self.part_cpu_s.values())


def measure(way: str, csv_path: Path, repeat_count: int) -> Cost:
    """Run `benchmarks.<way>` on a CSV `repeat_count` times, one after the other; the median of each figure."""
    costs = [_measure_once(way, csv_path) for _ in range(repeat_count)]
    return Cost(
        part_cpu_s={part: median(cost.part_cpu_s[part] for cost in costs) for part in costs[0].part_cpu_s},
        import_cpu_s=median(cost.import_cpu_s for cost in costs),
        whole_cpu_s=median(cost.whole_cpu_s for cost in costs),
        wall_s=median(cost.wall_s for cost in costs),
        peak_rss_mb=median(cost.peak_rss_mb for cost in costs),
        part_peaks_mb={part: median(cost.part_peaks_mb[part] for cost in costs) for part in costs[0].part_peaks_mb},
        part_bytes=costs[0].part_bytes,
    )


def _measure_once(way: str, csv_path: Path) -> Cost:
    with TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        marks_path = folder / "marks.json"
        command = [sys.executable, "-m", "benchmarks.marks", way, str(csv_path), str(folder), str(marks_path)]
        started_s = time.monotonic()
        code, whole_cpu_s = _run(command, folder)
        wall_s = time.monotonic() - started_s
        if code:
            raise BenchmarkError(f"{way}: exit code {code}; its output ends with\n{read_end(_log_path(folder))}")
        marks = json.loads(marks_path.read_text("utf-8"))
    parts = marks[CPU_KEY]
    return Cost(
        import_cpu_s=parts.pop(IMPORT_PART),
        part_cpu_s=parts,
        whole_cpu_s=whole_cpu_s,
        wall_s=wall_s,
        peak_rss_mb=marks[PEAK_RSS_KEY],
        part_peaks_mb=marks[PART_PEAKS_KEY],
        part_bytes=marks[BYTES_KEY],
    )


def _run(command: list[str], folder: Path) -> tuple[int, float]:
    """Exit code and CPU seconds. What the process leaves in its temporary folder goes with `folder`."""
    quiet = {"PYTHONWARNINGS": "ignore", "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment = {**quiet, **os.environ, "TMPDIR": str(folder)}
    with _log_path(folder).open("wb") as log:
        process = subprocess.Popen(command, cwd=_ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
        usage = wait_for_usage(process)
    return process.returncode, usage.ru_utime + usage.ru_stime


def wait_for_usage(process: subprocess.Popen[bytes]) -> resource.struct_rusage:
    """What a process has used once it has ended, which `Popen.wait` does not tell. Interrupted, it kills it."""
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        process.kill()
        process.wait()
        raise
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage


def _log_path(folder: Path) -> Path:
    return folder / "output.log"


def read_end(log: Path) -> str:
    """The last lines of what a process has printed."""
    lines = log.read_text("utf-8", errors="replace").splitlines()
    return "\n".join(lines[-_SHOWN_LOG_LINES:])
