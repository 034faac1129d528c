"""CPU time of a run on a new span beside that of a run on all rows at once.

    python -m benchmarks.span_cost --out benchmarks/results/span_cost.md

Draws its own faces, as `benchmarks.component_costs` does. Nine tenths of the rows are the span before, the last tenth
is the new one, and a window of two spans goes into Transform and the Trainer. Both are measured in turns, each in a
process of its own, as a shared machine's speed changes by the minute.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.harness.command import add_growth_options, make_parser, render, run_report, tell
from benchmarks.harness.measure import Cost, run_way
from benchmarks.harness.samples import Face, draw_samples, write_sample
from benchmarks.ways import BEFORE_PART, FIRST_SPAN_FOLDER, LAST_DATA_NODE, TRAINER

_WAY = "pipeline.run_spans"
_NEW_FRACTION = 0.1
_SHOWN_CPU_S = 0.1

Read = Callable[[Mapping[str, float]], float]
"""CPU seconds by component -> some of them."""


class Turn(NamedTuple):
    """One of each, measured one right after the other."""

    whole: Cost
    """Of all rows at once."""
    new: Cost
    """Of the last tenth, the others having been prepared before."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the report and write it on request; the exit code is 0, or that of the error."""
    parser = make_parser("span_cost", __doc__)
    add_growth_options(parser, [300_000], 3, "8 GB")
    options = parser.parse_args(arguments)

    def report() -> str:
        faces = draw_samples()
        return write_report({count: _measure(faces, count, options.repeat) for count in sorted({*options.rows})})

    return run_report("span_cost", options, report)


def _measure(faces: list[Face], row_count: int, turn_count: int) -> list[Turn]:
    before_count = row_count - round(row_count * _NEW_FRACTION)
    with TemporaryDirectory(prefix="benchmark-spans-") as name:
        at_once, in_spans = Path(name, "at-once"), Path(name, "in-spans")
        tell(f"{row_count:,} rows: drawing them")
        write_sample(faces, row_count, at_once / "span-1" / "faces.csv")
        write_sample(faces, before_count, in_spans / "span-1" / "faces.csv")
        tell(f"{row_count:,} rows: the span before")
        run_way(_WAY, in_spans, in_spans / FIRST_SPAN_FOLDER)
        write_sample(faces, row_count - before_count, in_spans / "span-2" / "faces.csv", skipped=before_count)
        turns = []
        for number in range(1, turn_count + 1):
            tell(f"{row_count:,} rows: turn {number} of {turn_count}")
            turns.append(Turn(run_way(_WAY, at_once), run_way(_WAY, in_spans)))
        return turns


def write_report(measured: Mapping[int, Sequence[Turn]]) -> str:
    """Markdown; turns by number of rows."""
    sums = {
        count: {title: (*_take_medians(turns, read), *_find_shares(turns, read)) for title, read in _SUMS.items()}
        for count, turns in measured.items()
    }
    nodes = {count: _list_nodes(turns) for count, turns in measured.items()}
    return render("span_cost.md", sums=sums, nodes=nodes)


def _sum_up_data(cpu_s: Mapping[str, float]) -> float:
    nodes = [node for node in cpu_s if node != BEFORE_PART]
    return sum(cpu_s[node] for node in nodes[: nodes.index(LAST_DATA_NODE) + 1])


def _sum_up_run(cpu_s: Mapping[str, float]) -> float:
    return sum(cost for node, cost in cpu_s.items() if node not in (BEFORE_PART, TRAINER))


_SUMS: dict[str, Read] = {"CSV to Transform": _sum_up_data, "whole run but the training": _sum_up_run}


def _find_shares(turns: Sequence[Turn], read: Read) -> tuple[float, float, float]:
    """Of the new span in all rows at once: median, least and greatest of the turns."""
    shares = [read(turn.new.part_cpu_s) / read(turn.whole.part_cpu_s) for turn in turns]
    return median(shares), min(shares), max(shares)


def _take_medians(turns: Sequence[Turn], read: Read) -> tuple[float, float]:
    """Of all rows at once and of the last tenth."""
    return median(read(turn.whole.part_cpu_s) for turn in turns), median(read(turn.new.part_cpu_s) for turn in turns)


def _list_nodes(turns: Sequence[Turn]) -> dict[str, tuple[float, float]]:
    """Components that took any time worth showing."""
    names = [name for name in turns[0].new.part_cpu_s if name not in (BEFORE_PART, TRAINER)]
    costs = {name: _take_medians(turns, lambda cpu_s: cpu_s.get(name, 0.0)) for name in names}  # noqa: B023
    return {name: cost for name, cost in costs.items() if max(cost) >= _SHOWN_CPU_S}


if __name__ == "__main__":
    sys.exit(main())
