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
    counts, of_files = [500, 5_000, 50_000], "of drawn files (default: 500 5000 50000)"
    parser.add_argument("--rows", metavar="N", type=parse_count, nargs="*", default=counts, help=of_files)
    parser.add_argument("--out", metavar="FILE", type=Path, help="where to write the figures (JSON)")
    return run_command(parser, _measure, arguments)


def _measure(options: argparse.Namespace) -> None:
    with TemporaryDirectory(prefix="benchmark-") as folder:
        picture, out = Path(folder, "one.png"), str(Path(folder, "out.csv"))
        Image.fromarray(draw_faces(1, 0).pixels[0]).save(picture)
        starts = {"one picture": (*_PREDICT, str(picture)), "import tensorflow": _IMPORT}
        turns = [{name: measure_process(each) for name, each in starts.items()} for _ in range(options.repeat)]
        costs = {name: ProcessCost(*map(median, zip(*(turn[name] for turn in turns), strict=True))) for name in starts}
        faces, files = draw_samples(_DRAWN_FACES), {options.data.name: options.data} if options.data else {}
        for count in options.rows:
            files[f"{count:,} drawn rows"] = write_sample(faces, count, Path(folder, f"{count}.csv"))
        costs |= {name: measure_process((*_PREDICT, str(path), "--out", out)) for name, path in files.items()}
    figures = {name: each._asdict() for name, each in costs.items()}
    print(render("predict_start.md", figures=figures), end="")
    if options.out:
        options.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
