"""CPU, wall time and memory from a FER2013 CSV to normalised images: this project, stock TFX and a notebook.

    python -m benchmarks.data_preparation --data fer2013.csv --out results.md

Each way runs by itself in a fresh process; the CSVs it reads are written beforehand and not timed.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness.command import add_growth_options, make_parser, print_report, render, run_command
from benchmarks.harness.measure import measure_ways, read_faces


def main(arguments: Sequence[str] | None = None) -> int:
    parser = make_parser("data_preparation", __doc__)
    parser.add_argument("--data", metavar="PATH", required=True, type=Path, help="the FER2013 CSV or an archive of it")
    add_growth_options(parser, [10_000, 30_000], 1, "1 GB, all rows of the data being measured too,")
    return run_command(parser, lambda options: print_report(options.out, lambda: _write_report(options)), arguments)


def _write_report(options: argparse.Namespace) -> str:
    faces = read_faces(options.data)
    ways = {"ours": "pipeline.prepare_data", "stock": "stock.prepare", "notebook": "in_memory.notebook"}
    costs = measure_ways(ways, faces, [*options.rows, len(faces)], options.repeat)
    return render("data_preparation.md", costs=costs, row_count=len(faces), options=options)


if __name__ == "__main__":
    sys.exit(main())
