"""CPU time and disk of each component as the rows grow: the cost model of docs/scale.md.

    python -m benchmarks.component_costs --out benchmarks/results/component_costs.md

Draws its own faces, as `benchmarks.ingestion_scale` does. Each number of rows is a whole run in a process of its own.
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
from benchmarks.measure import Cost, measure
from benchmarks.report import describe_machine
from benchmarks.samples import Face, write_sample

_TRAINER = "Trainer"
_LAST_DATA_NODE = "Transform"
_PLANNED_ROWS = (1_000_000, 100_000_000, 1_000_000_000)
_NOTES = """\
- Default settings but for one epoch of a network of 12 filters and a gate that lets every model through. A larger one
  adds its forward pass, nine times for each row of the eval split, to Evaluator, and what it takes to train to Trainer.
- Imports of TFX are in no component.
- Each further million: slope from the fewest to the most rows. Start: what that slope leaves for no row at all.
- Bytes are those of the component's outputs on disk; what lies there for a while is not among them.
- Drawn faces repeat ten thousand pictures with one pixel changed; real ones cost the same to read and to train on."""


class Line(NamedTuple):
    """Cost = start + rate * rows."""

    start: float
    rate: float

    @classmethod
    def through(cls, fewest: tuple[int, float], most: tuple[int, float]) -> "Line":
        """Through two points (rows, cost). A cost that does not grow has a rate of 0."""
        rate = max(0.0, (most[1] - fewest[1]) / (most[0] - fewest[0]))
        return cls(max(0.0, fewest[1] - rate * fewest[0]), rate)

    def at(self, rows: int) -> float:
        return self.start + self.rate * rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the report and perhaps write it; the exit code is 0, or that of the error."""
    options = _build_parser().parse_args(arguments)

    def report() -> str:
        faces = draw_samples()
        return write_report({count: _measure_whole(faces, count) for count in sorted({*options.rows})})

    return run_report("component_costs", options.out, report)


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.component_costs", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rows", metavar="N", nargs="+", type=int, default=[30_000, 90_000, 300_000],
        help="numbers of rows, at least two (default: 30000 90000 300000, which takes 3.4 GB below TMPDIR for a while)",
    )  # fmt: skip
    parser.add_argument("--out", metavar="FILE", type=Path, help="also write the report there, as Markdown")
    return parser


def _measure_whole(faces: list[Face], row_count: int) -> Cost:
    with TemporaryDirectory(prefix="benchmark-components-") as folder:
        sample = Path(folder) / "faces.csv"
        write_sample(faces, row_count, sample)
        print(f"{row_count:,} rows ...", file=sys.stderr, flush=True)
        return measure("every_component", sample, 1)


def write_report(costs: Mapping[int, Cost]) -> str:
    """Markdown, from its heading to the line about the machine; costs of whole runs by number of rows, at least two."""
    commit = read_code_version()["git_commit"]
    sections = [
        "# What each component costs",
        "\n".join(_cpu_table(costs)),
        "\n".join(_bytes_table(costs)),
        "\n".join(_plan_table(costs)),
        _NOTES,
        f"{describe_machine()}; code {commit or 'outside a repository'}",
    ]
    return "\n\n".join(sections) + "\n"


def _list_nodes(costs: Mapping[int, Cost]) -> list[str]:
    return list(costs[max(costs)].part_cpu_s)


def fit_cpu(costs: Mapping[int, Cost], node: str) -> Line:
    """CPU seconds of a component by rows."""
    fewest, most = min(costs), max(costs)
    return Line.through((fewest, costs[fewest].part_cpu_s[node]), (most, costs[most].part_cpu_s[node]))


def fit_bytes(costs: Mapping[int, Cost], node: str) -> Line:
    """Bytes of a component's outputs by rows."""
    fewest, most = min(costs), max(costs)
    return Line.through((fewest, costs[fewest].part_bytes.get(node, 0)), (most, costs[most].part_bytes.get(node, 0)))


def _cpu_table(costs: Mapping[int, Cost]) -> Iterator[str]:
    yield f"| CPU s | {' | '.join(f'{count:,} rows' for count in costs)} | start | each further million |"
    yield "|---|" + "---:|" * (len(costs) + 2)
    for node in _list_nodes(costs):
        line = fit_cpu(costs, node)
        measured = " | ".join(f"{cost.part_cpu_s[node]:.1f}" for cost in costs.values())
        yield f"| {node} | {measured} | {line.start:.1f} | {line.rate * 1e6:.0f} |"
    yield f"| peak memory, MB | {' | '.join(f'{cost.peak_rss_mb:,.0f}' for cost in costs.values())} | | |"


def _bytes_table(costs: Mapping[int, Cost]) -> Iterator[str]:
    yield f"| MB on disk | {' | '.join(f'{count:,} rows' for count in costs)} | each further million |"
    yield "|---|" + "---:|" * (len(costs) + 1)
    for node in _list_nodes(costs):
        sizes = [cost.part_bytes.get(node, 0) / 1e6 for cost in costs.values()]
        if max(sizes) >= 0.1:
            measured = " | ".join(f"{size:,.1f}" for size in sizes)
            yield f"| {node} | {measured} | {fit_bytes(costs, node).rate * 1e6 / 1e6:,.0f} |"


def _plan_table(costs: Mapping[int, Cost]) -> Iterator[str]:
    yield f"| extrapolated | {' | '.join(f'{count:,} rows' for count in _PLANNED_ROWS)} |"
    yield "|---|" + "---:|" * len(_PLANNED_ROWS)
    nodes = _list_nodes(costs)
    data_nodes = nodes[: nodes.index(_LAST_DATA_NODE) + 1]
    groups = {
        "ingestion to Transform, CPU h": data_nodes,
        "Trainer, CPU h for one epoch of a network of 12 filters": [_TRAINER],
        "all others, CPU h": [node for node in nodes if node not in (*data_nodes, _TRAINER)],
    }
    for title, group in groups.items():
        hours = [sum(fit_cpu(costs, node).at(rows) for node in group) / 3600 for rows in _PLANNED_ROWS]
        yield f"| {title} | {' | '.join(f'{each:,.2g}' if each < 10 else f'{each:,.0f}' for each in hours)} |"
    sizes = [sum(fit_bytes(costs, node).at(rows) for node in nodes) / 1e9 for rows in _PLANNED_ROWS]
    yield f"| on disk, GB | {' | '.join(f'{each:,.1f}' if each < 10 else f'{each:,.0f}' for each in sizes)} |"


if __name__ == "__main__":
    sys.exit(main())
