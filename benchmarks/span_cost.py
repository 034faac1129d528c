"""CPU time of a run on a new span beside that of a run on all rows at once.

    python -m benchmarks.span_cost --out benchmarks/results/span_cost.md

Draws its own faces, as `benchmarks.ingestion_scale` does. Nine tenths of the rows are the span before, the last tenth
is the new one, and a window of two spans goes into Transform and the Trainer. Both are measured in turns, each in a
process of its own, as a shared machine's speed changes by the minute and a new span comes on another day.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.code_version import read_code_version
from benchmarks.command import run_report
from benchmarks.ingestion_scale import draw_samples
from benchmarks.marks import BEFORE_PART
from benchmarks.measure import Cost, measure
from benchmarks.report import describe_machine
from benchmarks.samples import Face, write_sample
from benchmarks.span_run import run_before

_NEW_FRACTION = 0.1
_TRAINER = "Trainer"
_LAST_DATA_NODE = "Transform"
_SHOWN_CPU_S = 0.1
_NOTES = """\
- CPU seconds, imports left out but for those of ServingCheck's process. Seconds are medians of the turns; the share is
  the median of each turn's, with the least and the greatest.
- The new span's model has a baseline to be held against, that of all rows has none.
- Default settings and network. The training is left out: it takes the whole window, whatever of it is new."""


class Turn(NamedTuple):
    """One of each, measured one right after the other."""

    whole: Cost
    """Of all rows at once."""
    new: Cost
    """Of the last tenth, the others having been prepared before."""


class SpanCost(NamedTuple):
    """What one number of rows took."""

    row_count: int
    turns: list[Turn]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the report and perhaps write it; the exit code is 0, or that of the error."""
    options = _build_parser().parse_args(arguments)

    def report() -> str:
        faces = draw_samples()
        return write_report([_measure(faces, count, options.repeat) for count in sorted({*options.rows})])

    return run_report("span_cost", options.out, report)


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.span_cost", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rows", metavar="N", nargs="+", type=int, default=[300_000],
        help="numbers of rows (default: 300000, which takes 8 GB below TMPDIR for a while)",
    )  # fmt: skip
    parser.add_argument("--repeat", metavar="N", type=int, default=3, help="turns (default: 3)")
    parser.add_argument("--out", metavar="FILE", type=Path, help="also write the report there, as Markdown")
    return parser


def _measure(faces: list[Face], row_count: int, turn_count: int) -> SpanCost:
    before_count = row_count - round(row_count * _NEW_FRACTION)
    with TemporaryDirectory(prefix="benchmark-spans-") as name:
        at_once, in_spans = Path(name, "at-once"), Path(name, "in-spans")
        _tell(f"{row_count:,} rows: drawing them")
        _write_span(at_once / "span-1", faces, row_count)
        _write_span(in_spans / "span-1", faces, before_count)
        _tell(f"{row_count:,} rows: the span before")
        run_before(in_spans)
        _write_span(in_spans / "span-2", faces, row_count - before_count, skipped=before_count)
        turns = []
        for number in range(1, turn_count + 1):
            _tell(f"{row_count:,} rows: turn {number} of {turn_count}")
            turns.append(Turn(measure("span_run", at_once, 1), measure("span_run", in_spans, 1)))
            _tell(", ".join(f"{title} {_share(sum_up, turns[-1]):.2f}" for title, sum_up in _SUMS.items()))
        return SpanCost(row_count, turns)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _write_span(folder: Path, faces: list[Face], row_count: int, skipped: int = 0) -> None:
    folder.mkdir(parents=True)
    write_sample(faces, row_count, folder / "faces.csv", skipped)


def write_report(measured: Sequence[SpanCost]) -> str:
    """Markdown, from its heading to the line about the machine."""
    commit = read_code_version()["git_commit"]
    sections = [
        "# What a new span costs",
        "\n".join(_table(measured)),
        *("\n".join(_node_table(each)) for each in measured),
        _NOTES,
        f"{describe_machine()}; code {commit or 'outside a repository'}",
    ]
    return "\n\n".join(sections) + "\n"


def _sum_up_data(cpu_s: Mapping[str, float]) -> float:
    nodes = [node for node in cpu_s if node != BEFORE_PART]
    return sum(cpu_s[node] for node in nodes[: nodes.index(_LAST_DATA_NODE) + 1])


def _sum_up_run(cpu_s: Mapping[str, float]) -> float:
    return sum(cost for node, cost in cpu_s.items() if node not in (BEFORE_PART, _TRAINER))


_SUMS = {"CSV to Transform": _sum_up_data, "whole run but the training": _sum_up_run}


def _share(sum_up: Callable[[Mapping[str, float]], float], turn: Turn) -> float:
    return sum_up(turn.new.part_cpu_s) / sum_up(turn.whole.part_cpu_s)


def _table(measured: Sequence[SpanCost]) -> Iterator[str]:
    yield "| rows in all | | all at once | the last tenth, the others as before | share |"
    yield "|---:|---|---:|---:|---:|"
    for row_count, turns in measured:
        for title, sum_up in _SUMS.items():
            whole, new = (median(sum_up(cost.part_cpu_s) for cost in costs) for costs in zip(*turns, strict=True))
            shares = [_share(sum_up, turn) for turn in turns]
            share = f"{median(shares):.2f} ({min(shares):.2f} to {max(shares):.2f})"
            yield f"| {row_count:,} | {title} | {whole:.1f} | {new:.1f} | {share} |"


def _node_table(measured: SpanCost) -> Iterator[str]:
    yield f"| {measured.row_count:,} rows | all at once | the last tenth |"
    yield "|---|---:|---:|"
    for node in measured.turns[0].new.part_cpu_s:
        whole, new = (
            median(cost.part_cpu_s.get(node, 0.0) for cost in costs) for costs in zip(*measured.turns, strict=True)
        )
        if node not in (BEFORE_PART, _TRAINER) and max(new, whole) >= _SHOWN_CPU_S:
            yield f"| {node} | {whole:.1f} | {new:.1f} |"


if __name__ == "__main__":
    sys.exit(main())
