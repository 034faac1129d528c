"""The process that `measure` starts: imports one way, runs it, and notes its CPU time and peak memory at each mark."""

import importlib
import json
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path

Mark = Callable[[str], None]
"""Called by a way at the end of each of its parts, with the part's name."""
Way = Callable[..., dict[str, int] | None]
"""(CSV, folder for what it writes, mark, *settings) -> bytes that each part left on disk, if the way tells."""

IMPORT_PART = "import"


def read_cpu_s() -> float:
    """CPU seconds of this process and of its children that have ended."""
    return sum(os.times()[:4])


def main(way: str, csv_path: str, folder: str, marks_path: str, *settings: str) -> None:
    """Run one way and write the fields of `measure.Cost` that only this process knows."""
    before_s = 0.0
    cpu_s: dict[str, float] = {}
    peaks_mb: dict[str, float] = {}

    def mark(part: str) -> None:
        nonlocal before_s
        now_s = read_cpu_s()
        cpu_s[part], before_s = now_s - before_s, now_s
        peaks_mb[part] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # as a small process started this

    module, _, function = way.partition(".")
    work: Way = getattr(importlib.import_module(f"benchmarks.ways.{module}"), function)
    mark(IMPORT_PART)
    content = {
        "part_bytes": work(Path(csv_path), Path(folder), mark, *settings) or {},
        "import_cpu_s": cpu_s.pop(IMPORT_PART),
        "part_cpu_s": cpu_s,
        "peak_rss_mb": max(peaks_mb.values()),
        "part_peaks_mb": peaks_mb,
    }
    Path(marks_path).write_text(json.dumps(content), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
