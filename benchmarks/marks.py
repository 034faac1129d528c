"""The measured process: imports one way, runs it, and writes down its own CPU time at each mark.

Started by `benchmarks.measure` as `python -m benchmarks.marks WAY CSV FOLDER MARKS`.
"""

import importlib
import json
import os
import re
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

Mark = Callable[[str], None]
"""Called by a way at the end of each of its parts, with the part's name."""

IMPORT_PART = "import"
# Parts of the ways `ingestion` and `numpy_loop`.
INGESTION_PART = "ingestion"
REST_PART = "statistics to Transform"
LOOP_PART = "loop"
# What `span_run` does before the run begins.
BEFORE_PART = "spans before"
PEAK_RSS_KEY = "peak_rss_mb"
PART_PEAKS_KEY = "peak_rss_mb_after"
CPU_KEY = "cpu_s"
BYTES_KEY = "bytes"


def read_cpu_s() -> float:
    """CPU seconds of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def read_peak_rss_mb() -> float:
    """Largest resident size of this process.

    From /proc: `ru_maxrss` starts at the size of the process that started this one.
    """
    match = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text("ascii"))
    return int(match[1]) / 1024 if match else float("nan")


def main(way: str, csv_path: str, folder: str, marks_path: str) -> None:
    """Run one way and write CPU and wall seconds of each part, the peak memory after it and at the end, and its bytes.

    `prepare` of a way returns how many bytes its parts have left on disk, or None where nobody asks.
    """
    started_s = time.monotonic()
    marks: list[tuple[str, float, float]] = [("", 0.0, started_s)]
    peaks_mb: dict[str, float] = {}

    def mark(part: str) -> None:
        marks.append((part, read_cpu_s(), time.monotonic()))
        peaks_mb[part] = read_peak_rss_mb()

    module = importlib.import_module(f"benchmarks.{way}")
    mark(IMPORT_PART)
    part_bytes = module.prepare(Path(csv_path), Path(folder), mark)
    steps = list(pairwise(marks))
    content = {
        CPU_KEY: {after[0]: after[1] - before[1] for before, after in steps},
        "wall_s": {after[0]: after[2] - before[2] for before, after in steps},
        PEAK_RSS_KEY: read_peak_rss_mb(),
        PART_PEAKS_KEY: peaks_mb,
        BYTES_KEY: part_bytes or {},
    }
    Path(marks_path).write_text(json.dumps(content), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
