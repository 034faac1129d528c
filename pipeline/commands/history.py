"""What earlier runs were made of and reached, as tables and trees or as JSON; their pages and training curves.

Raise ConfigError: there is no such run or model, or something is not installed; DataError: the metadata can't be read,
or the run has no page or logs.
"""

import json as json_text
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fer_tfx.errors import INSTALL_ALL, ConfigError, FerError
from fer_tfx.quiet import hush_libraries
from pipeline.commands import AsJson, Config, Overrides, load_latest, load_settings
from pipeline.failures import last_line
from pipeline.stack import require_tfx
from pipeline.supervisor import end_with

if TYPE_CHECKING:
    from webbrowser import BaseBrowser

    from rich.console import RenderableType
    from rich.tree import Tree

    from pipeline.history import History, Product, WorkStep

Run = Annotated[str, typer.Argument(metavar="RUN", help="A number that `fer-tfx runs` prints, or latest.")]
NoOpen = Annotated[bool, typer.Option("--no-open", help="Only print where the page is.")]
# The browsers that Python finds where there is no display, from its own list.
_TEXT_BROWSERS = {"www-browser", "links", "elinks", "lynx", "w3m"}


def _open(config: str | None, overrides: list[str] | None) -> "History":
    settings = load_latest(config, overrides)
    require_tfx()
    from pipeline.history import History

    return History.open(settings)


def runs(json: AsJson = False, config: Config = None, overrides: Overrides = None) -> int:
    """List the runs, newest first: data, figures, verdict, version."""
    found = _open(config, overrides).summarise()
    if json:
        print(json_text.dumps([_without_nan(each) for each in found], indent=2))
        return 0
    forms = {"rows_used": ",", "accuracy": ".4f", "macro_f1": ".4f"}
    rows = []
    for run in map(_without_nan, found):
        figures = ["-" if run[name] is None else format(run[name], form) for name, form in forms.items()]
        version = f"{run['version'] or '-'} {run['version_state'] or ''}".strip()
        rows.append([str(run["id"]), run["started"], run["data"], *figures, version, run["verdict"]])
    headings = (">run", "started", "data", ">rows used", ">accuracy", ">macro F1", "version", "verdict")
    print(*_tabulate(headings, rows), sep="\n")
    return 0


def _without_nan(values: dict[str, Any]) -> dict[str, Any]:
    """With None for figures that a model doesn't have, as it answers NaN; JSON has no word for that."""
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in values.items()}


def compare(
    first: Run,
    second: Run,
    json: AsJson = False,
    html: Annotated[bool, typer.Option("--html", help="A page, with the pictures that changed sides.")] = False,
    no_open: NoOpen = False,
    config: Config = None,
    overrides: Overrides = None,
) -> int:
    """Compare two runs: settings, rows, figures, training, code."""
    history = _open(config, overrides)
    from pipeline.history.comparison import compare_runs, write_comparison

    found = [history.find_run(name) for name in (first, second)]
    if html:
        hush_libraries()
        return _show(write_comparison(history.path.parent, history.config.name, *found), no_open)
    sections = compare_runs(*found)
    if json:
        tables = [{**each._asdict(), "lines": [line._asdict() for line in each.lines]} for each in sections]
        print(json_text.dumps({"runs": [run.number for run in found], "sections": tables}, indent=2))
        return 0
    headings = ("", f"run {found[0].number}", f"run {found[1].number}", "difference")
    heading, *lines = _tabulate(headings, [line for section in sections for line in section.lines])
    print(f"  {heading}")
    for section in sections:
        shown = [lines.pop(0) for _ in section.lines] or ["none"]
        print(f"\n{section.title}", *shown, *filter(None, [section.remark]), sep="\n  ")
    return 0


def lineage(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="A pushed version, its folder, the path of an artifact, or latest."),
    ] = "latest",
    json: AsJson = False,
    config: Config = None,
    overrides: Overrides = None,
) -> int:
    """Show what a model was made of, back to the files, and what came of it."""
    found = _open(config, overrides).trace(model)
    if json:
        uses = [asdict(use) for use in found.uses]
        print(json_text.dumps({"artifact": asdict(found.artifact), "uses": uses}, indent=2))
        return 0
    from rich.tree import Tree

    root = Tree(_describe_product("", found.artifact))
    _grow(root, found.artifact)
    lines = _render(root)
    if found.uses:
        root = Tree("used by")
        for use in found.uses:
            branch = root.add(f"{_describe_step(use.step)}  as {use.key}")
            for key, products in sorted(use.outputs.items()):
                for each in products:
                    branch.add(_describe_product(key, each) + _describe_marks(each, found.states[each.id]))
        lines += ["", *_render(root)]
    print(*lines, sep="\n")
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


def report(
    run: Run = "latest",
    all_: Annotated[bool, typer.Option("--all", help="The page of all runs of all pipelines.")] = False,
    no_open: NoOpen = False,
    config: Config = None,
    overrides: Overrides = None,
) -> int:
    """Show the page of a run in the browser, also of a refused one."""
    if all_:
        require_tfx()
        from pipeline.history.overview import write_index

        return _show(write_index(load_settings(config, overrides)), no_open)
    history = _open(config, overrides)
    return _show(history.find_page(history.find_run(run)), no_open)


def _show(page: Path, no_open: bool) -> int:
    print(page, flush=True)
    if not no_open and (browser := _find_browser()):
        browser.open(page.as_uri())
    return 0


def _find_browser() -> "BaseBrowser | None":
    """The browser of this desktop, or the user's own choice; None: any there is would take over the terminal."""
    import webbrowser

    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return None
    return None if browser.name in _TEXT_BROWSERS else browser


def tensorboard(
    run: Run = "latest",
    port: Annotated[int, typer.Option(metavar="PORT", help="Where to listen.")] = 6006,
    config: Config = None,
    overrides: Overrides = None,
) -> int:
    """Show the training curves of a run in a browser."""
    beside = Path(sys.executable).with_name("tensorboard")
    command = str(beside) if beside.exists() else shutil.which("tensorboard")
    if command is None:
        raise ConfigError(f"TensorBoard is not installed; {INSTALL_ALL}")
    history = _open(config, overrides)
    found = history.find_run(run)
    folder = history.find_training_logs(found)
    print(f"run {found.number}: http://localhost:{port}/ in a few seconds, from {folder}; Ctrl+C ends it", flush=True)
    try:
        done = subprocess.run(
            [command, "--logdir", str(folder), "--host", "localhost", "--port", str(port)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
            preexec_fn=partial(end_with, os.getpid()),
        )  # fmt: skip
    except KeyboardInterrupt:
        return 0
    reason = last_line(done.stdout) or "no message"
    advice = f"if port {port} is taken, give another --port"
    if "pkg_resources" in reason:
        advice = "TensorBoard takes that from setuptools, which dropped it in version 82: install setuptools<82"
    raise FerError(f"tensorboard: {reason} (exit code {done.returncode}); {advice}")
