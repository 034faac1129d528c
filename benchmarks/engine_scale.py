"""CPU time of the data's way to Transform on a Flink cluster of one and of two TaskManagers, beside one process.

    python -m benchmarks.engine_scale --python ENVIRONMENT/bin/python --out benchmarks/results/engine_scale.md

Needs Beam's job server of Flink (docs/engines.md), and an environment with what requirements/clusters.lock names.
Draws 10,000 faces; further rows are these with one pixel changed, so that no row repeats another.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.component_costs import fit
from benchmarks.harness.clusters import run_flink
from benchmarks.harness.command import add_growth_options, make_parser, print_report, render, run_command, tell
from benchmarks.harness.marks import read_cpu_s
from benchmarks.harness.measure import Cost, draw_samples, measure, write_sample
from fer_tfx.errors import ConfigError

_PLACES = {"one process": 0, "Flink, 1 TaskManager": 1, "Flink, 2 TaskManagers": 2}
_PLANNED_ROWS = (1_000_000, 100_000_000, 1_000_000_000)


class Spent(NamedTuple):
    """What one preparation of the data took."""

    run: Cost  # Beam's workers are within the process of the run
    flink_cpu_s: float  # of JobManager and TaskManagers, from their start to their end

    @property
    def cpu_s(self) -> float:
        return self.run.preparation_cpu_s + self.flink_cpu_s


def main(arguments: Sequence[str] | None = None) -> int:
    parser = make_parser("engine_scale", __doc__)
    add_growth_options(parser, [28_709, 287_090], 1, "4 GB")
    parser.add_argument("--python", metavar="FILE", type=Path, required=True, help="Python of the environment")
    return run_command(parser, _report, arguments)


def _report(options: argparse.Namespace) -> None:
    if len({*options.rows}) < 2:
        raise ConfigError("--rows: expected at least two numbers, to draw a line through")
    print_report(options.out, lambda: write_report(_measure_all(options)))


def _measure_all(options: argparse.Namespace) -> dict[int, dict[str, Spent]]:
    faces = draw_samples()
    spent: dict[int, dict[str, Spent]] = {}
    for rows in sorted({*options.rows}):
        with TemporaryDirectory(prefix="benchmark-rows-") as folder:
            csv = write_sample(faces, rows, Path(folder, "faces.csv"))
            spent[rows] = {}
            for place, count in _PLACES.items():
                tell(f"{rows:,} rows, {place} ...")
                rounds = [_measure(options.python, csv, count) for _ in range(options.repeat)]
                spent[rows][place] = sorted(rounds, key=lambda each: each.cpu_s)[options.repeat // 2]
                tell(str(spent[rows][place]))
    return spent


def _measure(python: Path, csv: Path, task_managers: int) -> Spent:
    way = "pipeline.prepare_data_by"
    if not task_managers:
        return Spent(measure(way, csv), 0.0)
    before_s = read_cpu_s()
    with (
        TemporaryDirectory(prefix="benchmark-flink-") as folder,
        run_flink(python, Path(folder), task_managers) as flink,
    ):
        engine = ["beam.engine=flink", f"beam.endpoint={flink.endpoint}", f"beam.workers={task_managers}"]
        run = measure(way, csv, 1, engine)
    return Spent(run, read_cpu_s() - before_s - run.whole_cpu_s)


def write_report(spent: dict[int, dict[str, Spent]]) -> str:
    """Markdown; by number of rows, from the fewest to the most, and place."""
    lines = {place: fit(spent, lambda each: each[place].cpu_s) for place in _PLACES}  # noqa: B023
    return render("engine_scale.md", spent=spent, lines=lines, planned_rows=_PLANNED_ROWS)


if __name__ == "__main__":
    sys.exit(main())
