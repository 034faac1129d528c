"""CPU, wall time and memory from a FER2013 CSV to normalised images: this project, stock TFX and a notebook.

    python -m benchmarks.data_preparation --data fer2013.csv --out results.md

Each way runs by itself in a fresh process; the CSVs they read are made beforehand and not timed.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.command import run_command
from benchmarks.measure import Cost, measure
from benchmarks.report import WAYS, Comparison, write_report
from benchmarks.samples import Face, read_faces, write_sample
from fer_tfx.errors import DataError

_DEFAULT_ROWS = [10_000, 30_000]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the report and perhaps write it; the exit code is 0, or that of the error."""
    options = _build_parser().parse_args(arguments)

    def compare() -> None:
        print(_compare(options.data, options.rows, options.repeat, options.out), end="")

    return run_command("data_preparation", compare)


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.data_preparation", description=__doc__.splitlines()[0])
    parser.add_argument("--data", metavar="PATH", required=True, type=Path, help="the FER2013 CSV or an archive of it")
    parser.add_argument(
        "--rows", metavar="N", nargs="+", type=_parse_count, default=_DEFAULT_ROWS,
        help="numbers of rows to measure beside all rows of the data (default: 10000 30000)",
    )  # fmt: skip
    parser.add_argument("--repeat", metavar="N", type=_parse_count, default=1, help="processes per figure (default: 1)")
    parser.add_argument("--out", metavar="FILE", type=Path, help="also write the report there, as Markdown")
    return parser


def _parse_count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


def _compare(data: Path, row_counts: list[int], repeat_count: int, out: Path | None) -> str:
    if out and not out.parent.is_dir():
        raise DataError(f"{out}: no such folder; give --out a file in an existing one")
    faces = read_faces(data)
    counts = sorted({*row_counts, len(faces)})
    costs = {row_count: _measure_all(faces, row_count, repeat_count) for row_count in counts}
    report = write_report(Comparison(data.name, len(faces), row_counts, repeat_count, costs))
    if out:
        out.write_text(report, encoding="utf-8")
    return report


def _measure_all(faces: list[Face], row_count: int, repeat_count: int) -> dict[str, Cost]:
    costs = {}
    with TemporaryDirectory(prefix="benchmark-rows-") as folder:
        sample = Path(folder) / "faces.csv"
        write_sample(faces, row_count, sample)
        for way in WAYS:
            print(f"{row_count:,} rows, {way} ...", end=" ", file=sys.stderr, flush=True)
            costs[way] = measure(way, sample, repeat_count)
            print(f"{costs[way].preparation_cpu_s:.1f} CPU s", file=sys.stderr, flush=True)
    return costs


if __name__ == "__main__":
    sys.exit(main())
