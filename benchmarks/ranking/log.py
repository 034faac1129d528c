"""The log of experiments: one line of JSON each, with all that it takes to repeat it."""

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
_REPEAT_KEYS = ("config", "overrides", "seed", "recipe", "rows")


def read_log(path: Path) -> list[Entry]:
    """All entries; none if there is no such file. Raises DataError if a line is not an entry."""
    try:
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: can't be read: {error}; give --log the log of earlier experiments") from None
    entries = []
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
        except ValueError as error:
            raise DataError(f"{path}, line {number}: not valid JSON: {error}; fix or remove the line") from None
        if not (isinstance(entry, dict) and all(key in entry for key in _KEYS)):
            keys = ", ".join(_KEYS)
            raise DataError(f"{path}, line {number}: expected an experiment with {keys}; fix or remove the line")
        entries.append(entry)
    return entries


def require_writable(path: Path) -> None:
    """Raise DataError if no entry can be added, before a training is spent."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("a").close()
    except OSError as error:
        raise DataError(f"{path}: can't be written: {error.strerror}; give --log another file") from None


def find_entry(entries: Sequence[Entry], name: str) -> Entry:
    """The experiment of that name. Raises DataError if there is none."""
    by_name = {entry["name"]: entry for entry in entries}
    if name not in by_name:
        raise DataError(f"{name}: no such experiment in the log; it has {', '.join(by_name) or 'none'}")
    return by_name[name]


def check_name(entries: Sequence[Entry], name: str) -> None:
    """Raise DataError unless a new experiment, and its folder, may have this name."""
    if not _NAME.fullmatch(name):
        raise DataError(f"--name {name}: expected at most 63 of a-z, 0-9, dot, dash and underscore, a letter first")
    if any(entry["name"] == name for entry in entries):
        raise DataError(f"--name {name}: the log has it already; give another name, or --repeat {name}")


def load_recipe(config: str, overrides: Sequence[str], seed: int | None) -> Recipe:
    """Network and training of a configuration file with overrides; a seed wins over both."""
    loaded: PipelineConfig = load_config(config, overrides, {} if seed is None else {"trainer.seed": seed})
    return Recipe(loaded.model, loaded.trainer)


def load_logged_recipe(entry: Mapping[str, Any], root: Path) -> Recipe:
    """The recipe of an entry. Raises ConfigError if its configuration file below `root` now gives another one."""
    name = entry["name"]
    if missing := [key for key in _REPEAT_KEYS if key not in entry]:
        raise DataError(f"{name}: its entry has no {', '.join(missing)}; it can't be repeated")
    recipe = load_recipe(str(root / entry["config"]), entry["overrides"], entry["seed"])
    # Settings that came later have their defaults, which change nothing.
    if recipe != from_nested(Recipe, entry["recipe"]):
        where = f"check out commit {entry['git_commit']}" if entry.get("git_commit") else "restore it"
        raise ConfigError(f"{entry['config']}: gives another recipe than the one logged as {name}; {where}")
    return recipe
