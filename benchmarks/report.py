"""Measured costs -> Markdown."""

import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version

from benchmarks.measure import Cost

OURS, STOCK, NOTEBOOK = "ours", "stock", "notebook"
WAYS = (OURS, STOCK, NOTEBOOK)

_PACKAGES = ("tfx", "tensorflow", "tensorflow-transform", "apache-beam", "pandas", "numpy")
_NOTES = f"""\
- {OURS}: this project's nodes up to Transform, then its graph applied to train and eval as the Trainer does.
  Rows are parsed by value, repeats dropped, statistics gated.
- {STOCK}: CsvExampleGen, StatisticsGen, SchemaGen, ExampleValidator and Transform, pixels as text, all settings
  at their defaults, so Transform writes the images and computes statistics of them.
- {NOTEBOOK}: pandas and NumPy in memory.
- Preparation is from the CSV to normalised float32 images. CPU includes children. Wall and whole CPU are those of
  the process, imports included."""


@dataclass(frozen=True)
class Comparison:
    """All that was measured."""

    data_name: str
    data_row_count: int
    asked_row_counts: list[int]
    """Without that of the whole data. The slopes lie between the fewest and the most of them."""
    repeat_count: int
    costs: dict[int, dict[str, Cost]]
    """By number of rows, then by way."""


def write_report(comparison: Comparison) -> str:
    """The whole text, from its heading to the line about the machine."""
    sections = [
        f"# Data preparation, {comparison.data_name}",
        "\n".join(_table(comparison.costs)),
        "\n".join([*_ratios(comparison), *_slopes(comparison), *_parts(comparison.costs)]),
        "\n".join([_NOTES, *_sample_notes(comparison)]),
        describe_machine(),
    ]
    return "\n\n".join(sections) + "\n"


def _table(costs: dict[int, dict[str, Cost]]) -> Iterator[str]:
    yield "| rows | way | CPU s preparation | CPU s import | CPU s whole | wall s | peak RSS MB |"
    yield "|---:|---|---:|---:|---:|---:|---:|"
    for row_count, by_way in sorted(costs.items()):
        for way, cost in by_way.items():
            yield (
                f"| {row_count:,} | {way} | {cost.preparation_cpu_s:.1f} | {cost.import_cpu_s:.1f}"
                f" | {cost.whole_cpu_s:.1f} | {cost.wall_s:.1f} | {cost.peak_rss_mb:,.0f} |"
            )


def _ratios(comparison: Comparison) -> Iterator[str]:
    by_way = comparison.costs[comparison.data_row_count]
    stock, ours = by_way[STOCK], by_way[OURS]
    yield (
        f"- {OURS}/{STOCK}, all {comparison.data_row_count:,} rows:"
        f" {ours.preparation_cpu_s / stock.preparation_cpu_s:.2f} of the CPU for preparation,"
        f" {ours.whole_cpu_s / stock.whole_cpu_s:.2f} with imports"
    )


def _slopes(comparison: Comparison) -> Iterator[str]:
    costs = comparison.costs
    fewest, most = min(comparison.asked_row_counts), max(comparison.asked_row_counts)
    if fewest == most:
        return
    slopes = {
        way: (costs[most][way].preparation_cpu_s - costs[fewest][way].preparation_cpu_s) * 1000 / (most - fewest)
        for way in WAYS
    }
    figures = ", ".join(f"{way} {slope:.2f}" for way, slope in slopes.items())
    yield f"- CPU ms for each further row, {fewest:,} to {most:,} rows: {figures}"
    ratios = ", ".join(f"{OURS}/{way} {slopes[OURS] / slopes[way]:.2f}" for way in (STOCK, NOTEBOOK) if slopes[way])
    yield f"- ratio of these slopes: {ratios}"


def _parts(costs: dict[int, dict[str, Cost]]) -> Iterator[str]:
    for row_count, by_way in sorted(costs.items()):
        parts = ", ".join(f"{part} {cpu_s:.1f}" for part, cpu_s in by_way[OURS].part_cpu_s.items())
        yield f"- CPU s of the parts of {OURS}, {row_count:,} rows: {parts}"


def _sample_notes(comparison: Comparison) -> Iterator[str]:
    own = comparison.data_row_count
    for row_count in sorted(comparison.costs):
        if row_count > own:
            yield (
                f"- {row_count:,} rows are the {own:,} of the data and {row_count - own:,} of them again, one pixel"
                " of each changed so that it is no repeat."
            )
    if comparison.repeat_count > 1:
        yield f"- Each figure is the median of {comparison.repeat_count} processes."


def describe_machine() -> str:
    """Cores, Python and the packages that count, in one line."""
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, {versions}"
