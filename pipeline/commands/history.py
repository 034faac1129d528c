"""fer-tfx runs, compare, lineage: what earlier runs were made of and reached, as tables and trees or as JSON.

Each command exits with 0, or raises ConfigError (there is no such run or model, or TFX is not installed) or DataError
(the metadata can't be read).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING

from configs.spec import PipelineConfig
from pipeline.stack import require_tfx

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.tree import Tree

    from pipeline.history import History
    from pipeline.history.lineage import Product, WorkStep


def _open(config: PipelineConfig) -> "History":
    require_tfx()
    from pipeline.history import History

    return History.open(config)


def print_runs(config: PipelineConfig, is_json: bool) -> int:
    """List every run, newest first."""
    runs = _open(config).summarise()
    if is_json:
        print(json.dumps(runs, indent=2))
        return 0
    forms = {"rows_used": ",", "accuracy": ".4f", "macro_f1": ".4f"}
    rows = []
    for run in runs:
        figures = ["-" if run[name] is None else format(run[name], form) for name, form in forms.items()]
        version = f"{run['version'] or '-'} {run['version_state'] or ''}".strip()
        rows.append([str(run["id"]), run["started"], run["data"], *figures, version, run["verdict"]])
    headings = (">run", "started", "data", ">rows used", ">accuracy", ">macro F1", "version", "verdict")
    print(*_tabulate(headings, rows), sep="\n")
    return 0


def print_comparison(config: PipelineConfig, first: str, second: str) -> int:
    """Print in what two runs, ids or `latest`, differ and what they reached; differences are second - first."""
    history = _open(config)
    runs = [history.find_run(name) for name in (first, second)]
    sections = history.compare(*runs)
    headings = ("", f"run {runs[0].id}", f"run {runs[1].id}", "difference")
    heading, *lines = _tabulate(headings, [line for section in sections for line in section.lines])
    print(f"  {heading}")
    for section in sections:
        shown = [lines.pop(0) for _ in section.lines] or ["none"]
        print(f"\n{section.title}", *shown, *filter(None, [section.remark]), sep="\n  ")
    return 0


def print_lineage(config: PipelineConfig, name: str, is_json: bool) -> int:
    """Print a model's way from the files, and what was made of it.

    Args:
        config: says where the runs are recorded.
        name: a pushed version, its folder, or the path of an artifact.
        is_json: nested objects instead of a tree.
    """
    from rich.tree import Tree

    lineage = _open(config).trace(name)
    if is_json:
        uses = [asdict(use) for use in lineage.uses]
        print(json.dumps({"artifact": asdict(lineage.artifact), "uses": uses}, indent=2))
        return 0
    root = Tree(_describe_product("", lineage.artifact))
    _grow(root, lineage.artifact)
    print(*_render(root), sep="\n")
    if lineage.uses:
        root = Tree("used by")
        for use in lineage.uses:
            branch = root.add(f"{_describe_step(use.step)}  as {use.key}")
            for key, products in sorted(use.outputs.items()):
                for each in products:
                    branch.add(_describe_product(key, each) + _describe_marks(each, lineage.states[each.id]))
        print("", *_render(root), sep="\n")
    return 0


def _grow(tree: "Tree", product: "Product") -> None:
    """Add what a product was made of."""
    step = product.made_by
    if not step:
        return
    branch = tree.add(_describe_step(step))
    for section, pairs in groupby(sorted(step.settings.items()), key=lambda pair: pair[0].rpartition(".")[0]):
        values = ", ".join(f"{key.rpartition('.')[2]}={value}" for key, value in pairs)
        branch.add(f"{section}: {values}")
    for name, source in step.sources.items():
        branch.add(f"{name}: {source}")
    for key, products in sorted(step.inputs.items()):
        for each in products:
            _grow(branch.add(_describe_product(key, each)), each)


def _describe_product(key: str, product: "Product") -> str:
    return f"{f'{key}: ' if key else ''}{product.type_name} {product.id}  {product.uri}"


def _describe_step(step: "WorkStep") -> str:
    code = "".join(f"  {name} {value}" for name, value in step.code.items())
    return f"{step.node} {step.id}  run {step.run_id}{code}"


def _describe_marks(product: "Product", state: str) -> str:
    """Whether it was blessed or pushed, as which version, and why a person accepted it."""
    values = product.properties
    marks = [("" if values[mark] else "not ") + mark for mark in ("blessed", "pushed") if mark in values]
    version = f"version {values['pushed_version']}" if values.get("pushed_version") else ""
    reason = f"accepted by hand: {values['accept_reason']}" if values.get("accept_reason") else ""
    words = ", ".join(filter(None, [*marks, version, state, reason]))
    return f"  ({words})" if words else ""


def _tabulate(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A line for the headings and each row; `>` before a heading aligns its column to the right."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading.lstrip(">"), justify="right" if heading[:1] == ">" else "left")
    for row in rows:
        table.add_row(*(cell.replace("\n", " ") for cell in row))
    return _render(table)


def _render(shown: "RenderableType") -> list[str]:
    """Plain lines of any length, with no text taken for mark-up."""
    from rich.console import Console

    console = Console(width=100_000, markup=False, highlight=False, emoji=False, color_system=None)
    with console.capture() as captured:
        console.print(shown)
    return [line.rstrip() for line in captured.get().splitlines()]
