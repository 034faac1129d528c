"""What `fer-tfx predict` costs: one picture from a cold start, all rows of a file, and memory as rows become more."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from benchmarks.command import run_command
from benchmarks.process_cost import ProcessCost, measure_process
from fer_tfx.contract import PIXELS_KEY
from schema.drawn_faces import draw_faces

_PREDICT = (sys.executable, "-m", "pipeline", "predict")
_IMPORT = (sys.executable, "-c", "import tensorflow")
_DRAWN_FACES = 100

Figures = dict[str, dict[str, float]]


def measure_start(folder: Path, repeat_count: int) -> Figures:
    """Predict one picture and import TensorFlow in turns, in processes of their own; medians by what was done."""
    picture = folder / "one.png"
    Image.fromarray(draw_faces(1, 0).pixels[0]).save(picture)
    commands = {"one picture": (*_PREDICT, str(picture)), "import tensorflow": _IMPORT}
    costs: dict[str, list[ProcessCost]] = {name: [] for name in commands}
    for _ in range(repeat_count):
        for name, command in commands.items():
            costs[name].append(measure_process(command))
    return {name: _take_median(found) for name, found in costs.items()}


def measure_rows(paths: dict[str, Path], folder: Path) -> Figures:
    """Predict the rows of each file once, by what the file is called."""
    out = str(folder / "out.csv")
    return {name: _take_median([measure_process((*_PREDICT, str(path), "--out", out))]) for name, path in paths.items()}


def _take_median(costs: Sequence[ProcessCost]) -> dict[str, float]:
    return {key: median(getattr(cost, key) for cost in costs) for key in ProcessCost._fields}


def write_drawn_rows(path: Path, count: int) -> Path:
    """Write a CSV of `count` drawn faces, which repeat after the first hundred."""
    faces = draw_faces(_DRAWN_FACES, 1).pixels.reshape(_DRAWN_FACES, -1)
    lines = [" ".join(map(str, np.asarray(face).tolist())) for face in faces]
    with path.open("w", encoding="ascii") as file:
        file.write(f"{PIXELS_KEY}\n")
        for row in range(count):
            file.write(lines[row % _DRAWN_FACES] + "\n")
    return path


def format_figures(figures: Figures) -> str:
    """A table, and how many times faster one picture is than the import alone."""
    rows = [
        f"| {name} | {f['wall_s']:.2f} | {f['cpu_s']:.2f} | {f['peak_rss_mb']:.0f} |" for name, f in figures.items()
    ]
    one, imported = figures["one picture"], figures["import tensorflow"]
    wall, cpu = (imported[key] / one[key] for key in ("wall_s", "cpu_s"))
    head = ["| | wall s | CPU s | peak memory, MB |", "|---|---:|---:|---:|"]
    return "\n".join([*head, *rows, "", f"import tensorflow / one picture: {wall:.1f} (wall), {cpu:.1f} (CPU)"])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="test.csv of the competition, whose rows are all predicted")
    parser.add_argument("--repeat", type=int, default=7, help="rounds of the cold start (default: 7)")
    parser.add_argument(
        "--rows", type=int, nargs="*", default=[500, 5_000, 50_000], help="of drawn files (default: 500 5000 50000)"
    )
    parser.add_argument("--out", type=Path, help="where to write the figures (JSON)")
    parsed = parser.parse_args(arguments)
    return run_command("predict_start", _work_on(parsed))


def _work_on(parsed: argparse.Namespace) -> Callable[[], None]:
    def work() -> None:
        with TemporaryDirectory(prefix="benchmark-") as name:
            folder = Path(name)
            paths = {parsed.data.name: parsed.data} if parsed.data else {}
            paths |= {
                f"{count:,} drawn rows": write_drawn_rows(folder / f"{count}.csv", count) for count in parsed.rows
            }
            figures = measure_start(folder, parsed.repeat) | measure_rows(paths, folder)
        print(format_figures(figures))
        if parsed.out:
            parsed.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")

    return work


if __name__ == "__main__":
    sys.exit(main())
