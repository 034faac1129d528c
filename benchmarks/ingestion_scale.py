"""CPU and memory of ingestion as the rows grow, beside a plain NumPy loop over the same file.

    python -m benchmarks.ingestion_scale --out benchmarks/results/ingestion_scale.md

Draws its own faces, 10,000 of them; further rows are those with one pixel changed, so that no row repeats another.
Each way runs in a process of its own, and each CSV (8.5 kB a row) is removed when it was measured.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.code_version import read_code_version
from benchmarks.command import run_report
from benchmarks.marks import IMPORT_PART, INGESTION_PART, LOOP_PART, REST_PART
from benchmarks.measure import Cost, measure
from benchmarks.report import describe_machine
from benchmarks.samples import Face, write_sample
from schema.drawn_faces import draw_faces

_DRAWN_FACES = 10_000
_NOTES = f"""\
- Ingestion: FerExampleGen alone, from the CSV to split, deduplicated examples on disk; imports left out.
- Rest: {REST_PART}, in the same process.
- Loop: `np.fromstring` on the pixels of each line and nothing else: nothing checked, kept or written.
- Peak: largest resident size of the process by then, imports included; those alone are in the last line."""


class Scaled(NamedTuple):
    """What one number of rows took."""

    row_count: int
    ingestion: Cost
    loop: Cost

    @property
    def cpu_s(self) -> float:
        return self.ingestion.part_cpu_s[INGESTION_PART]

    @property
    def rest_cpu_s(self) -> float:
        return self.ingestion.part_cpu_s[REST_PART]

    @property
    def loop_cpu_s(self) -> float:
        return self.loop.part_cpu_s[LOOP_PART]

    @property
    def peak_mb(self) -> float:
        """Of ingestion."""
        return self.ingestion.part_peaks_mb[INGESTION_PART]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the report and perhaps write it; the exit code is 0, or that of the error."""
    options = _build_parser().parse_args(arguments)

    def report() -> str:
        faces = draw_samples()
        return write_report([_measure(faces, count, options.repeat) for count in sorted({*options.rows})])

    return run_report("ingestion_scale", options.out, report)


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingestion_scale", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rows", metavar="N", nargs="+", type=int, default=[30_000, 90_000, 300_000],
        help="numbers of rows (default: 30000 90000 300000, which takes 2.6 GB below TMPDIR for a while)",
    )  # fmt: skip
    parser.add_argument("--repeat", metavar="N", type=int, default=1, help="processes per figure (default: 1)")
    parser.add_argument("--out", metavar="FILE", type=Path, help="also write the report there, as Markdown")
    return parser


def draw_samples() -> list[Face]:
    """Ten thousand faces, the same each time."""
    drawn = draw_faces(_DRAWN_FACES, seed=0)
    return [Face(int(index), face.tobytes()) for index, face in zip(drawn.class_indices, drawn.pixels, strict=True)]


def _measure(faces: list[Face], row_count: int, repeat_count: int) -> Scaled:
    with TemporaryDirectory(prefix="benchmark-scale-") as folder:
        sample = Path(folder) / "faces.csv"
        write_sample(faces, row_count, sample)
        print(f"{row_count:,} rows ...", file=sys.stderr, flush=True)
        return Scaled(
            row_count, measure("ingestion", sample, repeat_count), measure("numpy_loop", sample, repeat_count)
        )


def write_report(measured: Sequence[Scaled]) -> str:
    """Markdown, from its heading to the line about the machine."""
    commit = read_code_version()["git_commit"]
    imported_mb = measured[0].ingestion.part_peaks_mb[IMPORT_PART]
    sections = [
        "# Ingestion as the rows grow",
        "\n".join(_table(measured)),
        "\n".join(_ratios(measured[0], measured[-1])),
        _NOTES,
        f"{describe_machine()}; code {commit or 'outside a repository'}; imports {imported_mb:,.0f} MB",
    ]
    return "\n\n".join(sections) + "\n"


def _table(measured: Sequence[Scaled]) -> Iterator[str]:
    yield "| rows | ingestion, CPU s | loop, CPU s | ratio | peak, MB | rest, CPU s | peak to its end, MB | wall s |"
    yield "|---:|---:|---:|---:|---:|---:|---:|---:|"
    for each in measured:
        yield (
            f"| {each.row_count:,} | {each.cpu_s:.1f} | {each.loop_cpu_s:.1f} | {each.cpu_s / each.loop_cpu_s:.2f}"
            f" | {each.peak_mb:,.0f} | {each.rest_cpu_s:.1f} | {each.ingestion.peak_rss_mb:,.0f}"
            f" | {each.ingestion.wall_s:,.0f} |"
        )


def _ratios(least: Scaled, most: Scaled) -> Iterator[str]:
    yield f"{most.row_count / least.row_count:.3g} times the rows take\n"
    cpu, peak = most.cpu_s / least.cpu_s, most.peak_mb / least.peak_mb
    yield f"- {cpu:.1f} times the CPU time of ingestion, and {peak:.2f} of its peak"
    cpu, peak = most.rest_cpu_s / least.rest_cpu_s, most.ingestion.peak_rss_mb / least.ingestion.peak_rss_mb
    yield f"- {cpu:.1f} times the CPU time of the rest, and {peak:.2f} of the peak to its end"


if __name__ == "__main__":
    sys.exit(main())
