"""What `fer-tfx predict` costs: one picture from a cold start, all rows of a file, and memory as the rows grow."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from PIL import Image

from benchmarks.harness.command import make_parser, parse_count, render, run_command
from benchmarks.harness.measure import ProcessCost, draw_samples, measure_process, write_sample
from schema.drawn_faces import draw_faces

_PREDICT = (sys.executable, "-m", "pipeline", "predict")
_IMPORT = (sys.executable, "-c", "import tensorflow")
_DRAWN_FACES = 100


def main(arguments: Sequence[str] | None = None) -> int:
    parser = make_parser("predict_start", __doc__)
    parser.add_argument("--data", metavar="PATH", type=Path, help="test.csv of the competition; predicts all its rows")
    parser.add_argument("--repeat", metavar="N", type=parse_count, default=7, help="cold starts (default: 7)")
    parser.add_argument(
        "--rows", metavar="N", type=parse_count, nargs="*", default=[500, 5_000, 50_000],
        help="of drawn files (default: 500 5000 50000)",
    )  # fmt: skip
    parser.add_argument("--out", metavar="FILE", type=Path, help="where to write the figures (JSON)")
    return run_command(parser, _measure, arguments)


def _measure(options: argparse.Namespace) -> None:
    with TemporaryDirectory(prefix="benchmark-") as name:
        costs = _measure_start(Path(name), options.repeat) | _measure_rows(Path(name), options.data, options.rows)
    medians = {name: ProcessCost(*map(median, zip(*each, strict=True))) for name, each in costs.items()}
    figures = {name: each._asdict() for name, each in medians.items()}
    print(render("predict_start.md", figures=figures), end="")
    if options.out:
        options.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def _measure_start(folder: Path, repeat_count: int) -> dict[str, list[ProcessCost]]:
    """Predict one picture and import TensorFlow in turns, in processes of their own."""
    picture = folder / "one.png"
    Image.fromarray(draw_faces(1, 0).pixels[0]).save(picture)
    commands = {"one picture": (*_PREDICT, str(picture)), "import tensorflow": _IMPORT}
    costs: dict[str, list[ProcessCost]] = {name: [] for name in commands}
    for _ in range(repeat_count):
        for name, command in commands.items():
            costs[name].append(measure_process(command))
    return costs


def _measure_rows(folder: Path, data: Path | None, row_counts: Sequence[int]) -> dict[str, list[ProcessCost]]:
    """Predict the rows of the file, if any, and of drawn ones once."""
    faces = draw_samples(_DRAWN_FACES)
    paths = {data.name: data} if data else {}
    paths |= {f"{count:,} drawn rows": write_sample(faces, count, folder / f"{count}.csv") for count in row_counts}
    out = str(folder / "out.csv")
    return {name: [measure_process((*_PREDICT, str(path), "--out", out))] for name, path in paths.items()}


if __name__ == "__main__":
    sys.exit(main())
