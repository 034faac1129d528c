"""CPU, wall time and memory from a FER2013 CSV to normalised images: this project, stock TFX and a notebook.

    python -m benchmarks.data_preparation --data fer2013.csv --out results.md

Each way runs by itself in a fresh process; the CSVs it reads are written beforehand and not timed.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness.command import add_growth_options, make_parser, render, run_report, tell
from benchmarks.harness.measure import Cost, measure
from benchmarks.harness.samples import read_faces, write_sample

_WAYS = {"ours": "pipeline.prepare_data", "stock": "stock.prepare", "notebook": "in_memory.notebook"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the report and write it on request; the exit code is 0, or that of the error."""
    parser = make_parser("data_preparation", __doc__)
    parser.add_argument("--data", metavar="PATH", required=True, type=Path, help="the FER2013 CSV or an archive of it")
    add_growth_options(parser, [10_000, 30_000], 1, "1 GB, all rows of the data being measured too,")
    options = parser.parse_args(arguments)

    def report() -> str:
        faces = read_faces(options.data)
        costs: dict[int, dict[str, Cost]] = {}
        for count in sorted({*options.rows, len(faces)}):
            tell(f"{count:,} rows ...")
            with TemporaryDirectory(prefix="benchmark-rows-") as folder:
                sample = write_sample(faces, count, Path(folder, "faces.csv"))
                costs[count] = {name: measure(way, sample, options.repeat) for name, way in _WAYS.items()}
        return write_report(costs, options.data.name, len(faces), options.rows, options.repeat)

    return run_report("data_preparation", options, report)


def write_report(
    costs: Mapping[int, Mapping[str, Cost]], data: str, row_count: int, asked_counts: Sequence[int], repeat_count: int
) -> str:
    """Markdown.

    Args:
        costs: by number of rows, in order, then by way.
        data: name of the file.
        row_count: rows in it.
        asked_counts: the slopes lie between the fewest and the most of them.
        repeat_count: processes for each figure.
    """
    fewest, most = min(asked_counts), max(asked_counts)
    slopes_ms = {
        name: (costs[most][name].preparation_cpu_s - costs[fewest][name].preparation_cpu_s) * 1000 / (most - fewest)
        for name in (_WAYS if fewest != most else ())
    }
    return render(
        "data_preparation.md", costs=costs, data=data, row_count=row_count, repeat_count=repeat_count,
        slopes_ms=slopes_ms, fewest=fewest, most=most,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
