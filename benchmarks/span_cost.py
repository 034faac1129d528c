"""CPU time of a run on a new span beside that of a run on all rows at once.

    python -m benchmarks.span_cost --out benchmarks/results/span_cost.md

Draws its own faces, as `benchmarks.ingestion_scale` does. Nine tenths of the rows are the span before, the last tenth
is the new one, and a window of two spans goes into Transform and the Trainer.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.code_version import read_code_version
from benchmarks.command import run_report
from benchmarks.ingestion_scale import draw_samples
from benchmarks.marks import BEFORE_PART
from benchmarks.measure import Cost, measure
from benchmarks.report import describe_machine
from benchmarks.samples import Face, write_sample

_NEW_FRACTION = 0.1
_TRAINER = "Trainer"
_LAST_DATA_NODE = "Transform"
_SHOWN_CPU_S = 0.1
_NOTES = """\
- CPU seconds, imports left out. The new span's model has a baseline to be held against, that of all rows has none.
- Training is left out: it takes the whole window, whatever of it is new."""


class SpanCost(NamedTuple):
    """What one number of rows took."""

    row_count: int
    whole: Cost
    """Of all rows at once."""
    new: Cost
    """Of the last tenth, the others having been prepared before."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the report and perhaps write it; the exit code is 0, or that of the error."""
    options = _build_parser().parse_args(arguments)

    def report() -> str:
        faces = draw_samples()
        return write_report([_measure(faces, count) for count in sorted({*options.rows})])

    return run_report("span_cost", options.out, report)


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.span_cost", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rows", metavar="N", nargs="+", type=int, default=[300_000, 600_000],
        help="numbers of rows (default: 300000 600000, which takes 7 GB below TMPDIR for a while)",
    )  # fmt: skip
    parser.add_argument("--out", metavar="FILE", type=Path, help="also write the report there, as Markdown")
    return parser


def _measure(faces: list[Face], row_count: int) -> SpanCost:
    print(f"{row_count:,} rows ...", file=sys.stderr, flush=True)
    with TemporaryDirectory(prefix="benchmark-whole-") as folder:
        sample = Path(folder) / "faces.csv"
        write_sample(faces, row_count, sample)
        whole = measure("every_component", sample, 1)
    before_count = row_count - round(row_count * _NEW_FRACTION)
    with TemporaryDirectory(prefix="benchmark-spans-") as folder:
        spans = [Path(folder) / name for name in ("span-1", "later")]
        for span in spans:
            span.mkdir()
        write_sample(faces, before_count, spans[0] / "faces.csv")
        write_sample(faces, row_count - before_count, spans[1] / "faces.csv", skipped=before_count)
        return SpanCost(row_count, whole, measure("new_span", Path(folder), 1))


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


def _table(measured: Sequence[SpanCost]) -> Iterator[str]:
    yield "| rows in all | | all at once | the last tenth, the others as before | share |"
    yield "|---:|---|---:|---:|---:|"
    for each in measured:
        for title, sum_up in {"CSV to Transform": _sum_up_data, "whole run but the training": _sum_up_run}.items():
            whole, new = sum_up(each.whole.part_cpu_s), sum_up(each.new.part_cpu_s)
            yield f"| {each.row_count:,} | {title} | {whole:.1f} | {new:.1f} | {new / whole:.2f} |"


def _sum_up_data(cpu_s: Mapping[str, float]) -> float:
    nodes = [node for node in cpu_s if node != BEFORE_PART]
    return sum(cpu_s[node] for node in nodes[: nodes.index(_LAST_DATA_NODE) + 1])


def _sum_up_run(cpu_s: Mapping[str, float]) -> float:
    return sum(cost for node, cost in cpu_s.items() if node not in (BEFORE_PART, _TRAINER))


def _node_table(measured: SpanCost) -> Iterator[str]:
    yield f"| {measured.row_count:,} rows | all at once | the last tenth |"
    yield "|---|---:|---:|"
    whole, new = measured.whole.part_cpu_s, measured.new.part_cpu_s
    for node in new:
        if node not in (BEFORE_PART, _TRAINER) and max(new[node], whole.get(node, 0.0)) >= _SHOWN_CPU_S:
            yield f"| {node} | {whole.get(node, 0.0):.1f} | {new[node]:.1f} |"


if __name__ == "__main__":
    sys.exit(main())
