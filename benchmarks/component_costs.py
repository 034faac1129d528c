"""CPU time, memory and disk of each component as the rows grow, beside a plain NumPy loop over the same file.

    python -m benchmarks.component_costs --out benchmarks/results/component_costs.md

The cost model of docs/scale.md. Draws 10,000 faces; further rows are these with one pixel changed, so that no row
repeats another. Each number of rows is a whole run in its own process.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.harness.command import add_growth_options, make_parser, print_report, render, run_command
from benchmarks.harness.measure import Cost, draw_samples, measure_ways
from benchmarks.ways import INGESTION, LAST_DATA_NODE, LOOP_PART, TRAINER
from fer_tfx.errors import ConfigError

_PLANNED_ROWS = (1_000_000, 100_000_000, 1_000_000_000)

Costs = Mapping[int, Mapping[str, Cost]]


class Line(NamedTuple):
    """Cost = start + rate * rows."""

    start: float
    rate: float

    def at(self, rows: int) -> float:
        return self.start + self.rate * rows


def main(arguments: Sequence[str] | None = None) -> int:
    parser = make_parser("component_costs", __doc__)
    add_growth_options(parser, [30_000, 90_000, 300_000], 1, "3.4 GB")
    return run_command(parser, _report, arguments)


def _report(options: argparse.Namespace) -> None:
    if len({*options.rows}) < 2:
        raise ConfigError("--rows: expected at least two numbers, to draw a line through")
    ways = {"run": "pipeline.run_components", "loop": "in_memory.loop"}
    print_report(options.out, lambda: write_report(measure_ways(ways, draw_samples(), options.rows, options.repeat)))


def write_report(costs: Costs) -> str:
    """Markdown; costs of `run` and `loop` by number of rows, from the fewest to the most."""
    nodes = list(costs[max(costs)]["run"].part_cpu_s)
    data_nodes = nodes[: nodes.index(LAST_DATA_NODE) + 1]
    groups = {
        "ingestion to Transform, CPU h": data_nodes,
        "Trainer, CPU h for one epoch of a network of 12 filters": [TRAINER],
        "all others, CPU h": [node for node in nodes if node not in (*data_nodes, TRAINER)],
    }
    cpu = {node: fit(costs, lambda each: each["run"].part_cpu_s[node]) for node in nodes}  # noqa: B023
    size = {node: fit(costs, lambda each: each["run"].part_bytes.get(node, 0)) for node in nodes}  # noqa: B023
    hours = {title: [sum(cpu[node].at(rows) for node in group) / 3600 for rows in _PLANNED_ROWS]
             for title, group in groups.items()}  # fmt: skip
    return render(
        "component_costs.md", costs=costs, cpu=cpu, size=size, hours=hours, planned_rows=_PLANNED_ROWS,
        planned_bytes=[sum(line.at(rows) for line in size.values()) for rows in _PLANNED_ROWS],
        loop=fit(costs, lambda each: each["loop"].part_cpu_s[LOOP_PART]), loop_part=LOOP_PART, ingestion=INGESTION,
        last_data_node=LAST_DATA_NODE,
    )  # fmt: skip


def fit(costs: Mapping[int, Any], read: Callable[[Any], float]) -> Line:
    """Through the costs of the fewest and the most rows; a cost that does not grow has a rate of 0."""
    fewest, most = min(costs), max(costs)
    first = read(costs[fewest])
    rate = max(0.0, (read(costs[most]) - first) / (most - fewest))
    return Line(max(0.0, first - rate * fewest), rate)


if __name__ == "__main__":
    sys.exit(main())
