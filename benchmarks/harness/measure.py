"""What a command or a way costs in its own process, and the CSVs that ways read."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from benchmarks.harness.command import ROOT, tell
from fer_tfx.contract import DEFAULT_CLASS_NAMES, LABEL_KEY, PIXEL_COUNT, PIXELS_KEY
from fer_tfx.errors import DataError, FerError
from fer_tfx.reading.form import ParsedRow, ReadingLimits
from fer_tfx.reading.sources import Source, read_source
from fer_tfx.reading.words import ClassTable
from schema.drawn_faces import draw_faces

Face = tuple[int, bytes]  # class index and pixels
_KIB_PER_MB = 1_000_000 / 1_024
_SHOWN_LOG_LINES = 20
# The peak of a process starts at the size of the one that starts it, so a small one does.
_LAUNCHER = """\
import json, os, sys, time
started_s = time.monotonic()
_, status, usage = os.wait4(os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ), 0)
with open(sys.argv[1], "w") as file:
    json.dump([time.monotonic() - started_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss], file)
sys.exit(os.waitstatus_to_exitcode(status))
"""
_QUIET = {"PYTHONWARNINGS": "ignore", "TF_CPP_MIN_LOG_LEVEL": "3"}


class BenchmarkError(FerError):
    """A measured process failed."""


class ProcessCost(NamedTuple):
    """From the start of the interpreter to its end, ended children included."""

    wall_s: float
    cpu_s: float
    peak_rss_mb: float


@dataclass(frozen=True)
class Cost:
    """What one process of `benchmarks.harness.marks` took."""

    part_cpu_s: dict[str, float]  # CPU seconds of each part, by name, without the import
    import_cpu_s: float
    whole_cpu_s: float  # children included
    wall_s: float
    peak_rss_mb: float
    part_peaks_mb: dict[str, float]  # the peak until the end of each part, the import among them
    part_bytes: dict[str, float] = field(default_factory=dict)  # what each part left on disk, if the way tells

    @property
    def preparation_cpu_s(self) -> float:
        return sum(self.part_cpu_s.values())


def measure_process(command: Sequence[str], **environment: str) -> ProcessCost:
    """Run a command in the project's folder. Raises BenchmarkError, with the end of its output, if it fails."""
    with TemporaryDirectory(prefix="benchmark-") as folder:
        usage, log = Path(folder, "usage.json"), Path(folder, "output.log")
        launch = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(usage), *command]
        with log.open("wb") as stream:
            variables = {**_QUIET, **os.environ, **environment}
            done = subprocess.run(launch, cwd=ROOT, env=variables, stdout=stream, stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            end = "\n".join(log.read_text("utf-8", errors="replace").splitlines()[-_SHOWN_LOG_LINES:])
            raise BenchmarkError(f"{' '.join(command)}: exit code {done.returncode}; its output ends with\n{end}")
        wall_s, cpu_s, peak_kib = json.loads(usage.read_text("ascii"))
    return ProcessCost(wall_s, cpu_s, peak_kib / _KIB_PER_MB)


def measure(way: str, csv_path: Path, repeat_count: int = 1, settings: Sequence[str] = ()) -> Cost:
    """Run `benchmarks.ways.<way>`, module and function, on a CSV in one process after the other; medians."""
    costs: list[dict[str, Any]] = []
    for _ in range(repeat_count):
        with TemporaryDirectory(prefix="benchmark-") as folder:
            marks = Path(folder, "marks.json")
            arguments = [way, str(csv_path), folder, str(marks), *settings]
            usage = measure_process([sys.executable, "-m", "benchmarks.harness.marks", *arguments], TMPDIR=folder)
            costs.append({"whole_cpu_s": usage.cpu_s, "wall_s": usage.wall_s, **json.loads(marks.read_text("utf-8"))})
    return Cost(**{key: _take_median([cost[key] for cost in costs]) for key in costs[0]})


def _take_median(values: Sequence[Any]) -> Any:
    if isinstance(values[0], dict):
        return {part: median(each[part] for each in values) for part in values[0]}
    return median(values)


def draw_samples(count: int = 10_000) -> list[Face]:
    """Faces, the same each time."""
    drawn = draw_faces(count, seed=0)
    return [(int(index), face.tobytes()) for index, face in zip(drawn.class_indices, drawn.pixels, strict=True)]


def read_faces(path: Path) -> list[Face]:
    """All labelled rows of a CSV or an archive of one. Raises DataError if there are none."""
    try:
        with path.open("rb") as stream:
            source = Source(str(path), path.name, is_unlabelled=False)
            items = read_source(source, stream, ReadingLimits(), ClassTable.build(DEFAULT_CLASS_NAMES, {}))
            rows = [item.face for item in items if isinstance(item, ParsedRow)]
    except OSError as error:
        raise DataError(f"{path}: can't be read: {error.strerror}; give the FER2013 CSV or an archive of it") from None
    faces = [(row.class_index, row.pixels) for row in rows if row.class_index is not None]
    if not faces:
        raise DataError(f"{path}: no labelled row in it; give a file with an `emotion` column")
    return faces


def measure_ways(
    ways: dict[str, str], faces: list[Face], row_counts: Iterable[int], repeat_count: int
) -> dict[int, dict[str, Cost]]:
    """By number of rows, in order, then by name of the way; all ways read the same CSV, which is then removed."""
    costs = {}
    for count in sorted({*row_counts}):
        tell(f"{count:,} rows ...")
        with TemporaryDirectory(prefix="benchmark-rows-") as folder:
            sample = write_sample(faces, count, Path(folder, "faces.csv"))
            costs[count] = {name: measure(way, sample, repeat_count) for name, way in ways.items()}
    return costs


def write_sample(faces: list[Face], row_count: int, path: Path) -> Path:
    """Write `row_count` faces as a CSV `emotion,pixels`. Repeats have one pixel changed, so that no way drops them."""
    with path.open("w", encoding="ascii") as csv:
        csv.write(f"{LABEL_KEY},{PIXELS_KEY}\n")
        for number in range(row_count):
            repeat, place = divmod(number, len(faces))
            class_index, pixels = faces[place][0], bytearray(faces[place][1])
            if repeat:
                pixels[(repeat - 1) % PIXEL_COUNT] ^= 1
            csv.write(f"{class_index},{' '.join(map(str, pixels))}\n")
    return path
