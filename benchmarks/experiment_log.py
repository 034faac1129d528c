"""The log of experiments: one line of JSON each, whole enough to repeat it."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from configs.convert import from_nested
from configs.load import load_config
from configs.spec import PipelineConfig, Recipe
from fer_tfx.errors import ConfigError, DataError

Entry = dict[str, Any]

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_KEYS = ("name", "rows", "n", "one_view", "four_views")
_FIGURE_KEYS = ("accuracy", "macro_f1", "nll", "nll_at_best")
_REPEAT_KEYS = ("config", "overrides", "seed", "recipe", "rows")
_HEADER = (
    "| name | trained on | epochs | seed | n | accuracy | NLL | NLL at best T | 4 views: accuracy | NLL at best T |"
    " macro F1 | own rows | seconds | cores taken by others |"
)


def read_log(path: Path) -> list[Entry]:
    """All entries; none where there is no such file.

    Raises:
        DataError: a line is no entry.
    """
    try:
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: can't be read: {error}; give --log the log of earlier experiments") from None
    return [_parse(line, f"{path}, line {number}") for number, line in enumerate(lines, start=1) if line.strip()]


def _parse(line: str, place: str) -> Entry:
    try:
        entry = json.loads(line)
    except ValueError as error:
        raise DataError(f"{place}: not valid JSON: {error}; mend or remove the line") from None
    is_entry = isinstance(entry, dict) and all(key in entry for key in _KEYS)
    if not (is_entry and all(key in entry[view] for view in ("one_view", "four_views") for key in _FIGURE_KEYS)):
        raise DataError(f"{place}: expected an experiment with {', '.join(_KEYS)}; mend or remove the line")
    return dict(entry)


def require_writable(path: Path) -> None:
    """Raises DataError where no entry could be added, which had better be known before a training."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("a").close()
    except OSError as error:
        raise DataError(f"{path}: can't be written: {error.strerror}; give --log another file") from None


def append_entry(path: Path, entry: Entry) -> None:
    """Add one line, in one write."""
    with path.open("a", encoding="utf-8") as log:
        log.write(json.dumps(entry) + "\n")


def find_entry(entries: Sequence[Entry], name: str) -> Entry:
    """The experiment of that name.

    Raises:
        DataError: there is none.
    """
    for entry in entries:
        if entry["name"] == name:
            return entry
    names = ", ".join(entry["name"] for entry in entries) or "none"
    raise DataError(f"{name}: no such experiment in the log; it has {names}")


def check_name(entries: Sequence[Entry], name: str) -> None:
    """Raises DataError unless a new experiment may have this name, which is a folder's too."""
    if not _NAME.fullmatch(name):
        raise DataError(f"--name {name}: expected at most 63 of a-z, 0-9, dot, dash and underscore, a letter first")
    if any(entry["name"] == name for entry in entries):
        raise DataError(f"--name {name}: the log has it already; give another name, or --repeat {name}")


def name_repeat(entries: Sequence[Entry], name: str) -> str:
    """The next free one of NAME.2, NAME.3 and so on."""
    taken = {entry["name"] for entry in entries}
    number = 2
    while f"{name}.{number}" in taken:
        number += 1
    return f"{name}.{number}"


def count_looks(entries: Sequence[Entry]) -> int:
    """How often the public test was read so far."""
    return sum(entry.get("public_look") is not None for entry in entries)


def load_recipe(config: str, overrides: Sequence[str], seed: int | None) -> Recipe:
    """Network and training of a configuration file with overrides; a seed wins over both."""
    loaded: PipelineConfig = load_config(config, overrides, {} if seed is None else {"trainer.seed": seed})
    return Recipe(loaded.model, loaded.trainer)


def load_logged_recipe(entry: Mapping[str, Any], root: Path) -> Recipe:
    """The recipe of an entry, from its configuration file as it is today.

    Args:
        entry: of the log.
        root: where the configuration files' paths start.

    Raises:
        DataError: the entry can't be repeated.
        ConfigError: the file no longer says what it said.
    """
    name = entry["name"]
    missing = [key for key in _REPEAT_KEYS if key not in entry]
    if missing:
        raise DataError(f"{name}: its entry has no {', '.join(missing)}; it can't be repeated")
    recipe = load_recipe(str(root / entry["config"]), entry["overrides"], entry["seed"])
    # Settings that came later have their defaults, which change nothing.
    if recipe != from_nested(Recipe, entry["recipe"]):
        where = f"check out commit {entry['git_commit']}" if entry.get("git_commit") else "restore it"
        raise ConfigError(f"{entry['config']}: gives another recipe than the one logged as {name}; {where}")
    return recipe


def format_table(entries: Sequence[Entry]) -> str:
    """Markdown, one line an experiment."""
    return "\n".join([_HEADER, "|---|---|" + "---:|" * (_HEADER.count("|") - 3), *map(_format_row, entries)])


def _format_row(entry: Entry) -> str:
    one, four = entry["one_view"], entry["four_views"]
    figures = (one["accuracy"], one["nll"], one["nll_at_best"], four["accuracy"], four["nll_at_best"], one["macro_f1"])
    cells = [
        entry["name"],
        _show(entry, "train_n", "{} rows"),
        _show(entry, "epochs", "{}"),
        _show(entry, "seed", "{}"),
        f"{entry['n']}, {entry['rows']}" + _show(entry, "public_look", ", look {}", ""),
        *(f"{figure:.4f}" for figure in figures),
        _show(entry, "own_accuracy", "{:.4f}"),
        _show(entry, "seconds", "{}"),
        _show(entry, "others_fraction", "{:.0%}"),
    ]
    return f"| {' | '.join(cells)} |"


def _show(entry: Entry, key: str, form: str, otherwise: str = "-") -> str:
    """What an average of several experiments doesn't have is a dash."""
    return form.format(entry[key]) if key in entry else otherwise
