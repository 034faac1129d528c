"""Trainings that rank recipes, each logged with its figures and everything needed to repeat it.

    python -m benchmarks.experiments --data FOLDER --state FOLDER --name no-erasing --seed 1 \\
        --set trainer.epochs=200 --set trainer.augmentation.erasing_fraction=0

Recipes are ranked on training rows alone: 70 % of the pictures train the network and 30 % judge it. Only a finalist
(`--finalist`), which trains on all rows, is judged by the public test, and the log counts these looks. `--teacher NAME`
trains on the answers of an experiment of the log, weighted by `trainer.target_weight`. The same command resumes an
interrupted training. Everything runs at the lowest priority.
"""

import argparse
import json
import logging
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from benchmarks.harness.command import ROOT, make_parser, read_code_version, render, run_command
from benchmarks.harness.marks import read_cpu_s
from configs.convert import from_nested
from configs.load import load_config
from configs.progress import PROGRESS_LOGGER
from configs.spec import Recipe
from fer_tfx.errors import ConfigError, DataError

Entry = dict[str, Any]

LOG = ROOT / "benchmarks" / "results" / "experiments.jsonl"
_CONFIG = str(ROOT / "configs" / "fer2013.yaml")
RANKING, PUBLIC_TEST = "ranking split", "public test"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_KEYS = ("name", "rows", "n", "one_view", "four_views")
_REPEAT_KEYS = ("config", "overrides", "seed", "recipe", "rows")
_KEPT_KEYS = ("config", "overrides", "rows", "teacher")  # by a repeat
_PACKAGES = ("tensorflow", "keras", "numpy")
_OWN_ROWS = 2048  # measured while a finalist trains, so that the public test is read once


def main(arguments: Sequence[str] | None = None) -> int:
    parser = make_parser("experiments", __doc__)
    parser.add_argument("--data", metavar="FOLDER", type=Path, help="the competition's files")
    parser.add_argument("--state", metavar="FOLDER", type=Path, help="keeps rows, trainings and answers")
    parser.add_argument("--name", help="of the experiment, new to the log")
    parser.add_argument("--config", metavar="FILE", default=_CONFIG, help="the recipe to start from")
    parser.add_argument("--set", metavar="KEY=VALUE", dest="overrides", action="append", default=[])
    parser.add_argument("--seed", metavar="N", type=int, help="of order, pictures and weights (default: the config's)")
    parser.add_argument("--finalist", action="store_true", help="train on all rows and read the public test, once")
    parser.add_argument("--teacher", metavar="NAME", help="train on this experiment's answers, of four views, as well")
    parser.add_argument("--repeat", metavar="NAME", help="repeat an experiment of the log, which decides the rest")
    parser.add_argument("--average", metavar="NAME", nargs="+", help="judge the mean answers of these experiments")
    parser.add_argument("--log", metavar="FILE", type=Path, default=LOG, help=f"default: {LOG.name} in results/")
    parser.add_argument("--table", action="store_true", help="print the log and do nothing else")
    return run_command(parser, _run, arguments)


def _run(options: argparse.Namespace) -> None:
    if options.table:
        if not options.log.exists():
            raise DataError(f"{options.log}: no such file; the first experiment creates it")
        print(render("experiments.md", entries=read_log(options.log)), end="")
    elif options.average:
        _log_average(options)
    else:
        _log_experiment(options)


def _log_average(options: argparse.Namespace) -> None:
    from benchmarks.model.trial import average_networks, read_view_logits

    members = list(dict.fromkeys(options.average))
    if not (options.state and options.name and len(members) > 1):
        raise DataError("--average: give two experiments or more, --state, their folder, and --name, a new one")
    entries = read_log(options.log)
    check_name(entries, options.name)
    require_writable(options.log)
    for member in members:
        rows = find_entry(entries, member)["rows"]
        _require_consent(options, member, rows)
    answers = average_networks({member: read_view_logits(options.state / member) for member in members})
    _log(options.log, {"name": options.name, "average_of": members, "rows": rows, **answers.describe()})


def _log_experiment(options: argparse.Namespace) -> None:
    if not (options.data and options.state and (options.name or options.repeat)):
        raise DataError("give --data, the competition's files, --state, a folder to keep, and --name or --repeat")
    if options.state.resolve().is_relative_to(ROOT):
        raise DataError(f"--state {options.state}: the repository must hold no row of the data; give a folder outside")
    entries = read_log(options.log)
    entry, recipe = _plan_repeat(options, entries) if options.repeat else _plan_new(options, entries)
    entry |= {"seed": recipe.trainer.seed, "recipe": asdict(recipe)}
    teacher = find_entry(entries, entry["teacher"]) if "teacher" in entry else None
    if teacher and teacher["rows"] != entry["rows"]:
        others = f"is judged by the {entry['rows']}, {teacher['name']} by the {teacher['rows']}"
        raise DataError(f"--teacher {teacher['name']}: was trained on other rows: this {others}; name one of the same")
    require_writable(options.log)
    folder = options.state / entry["name"]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"--state {options.state}: can't be written: {error.strerror}; give another folder") from None
    versions = {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}
    try:
        with FileLock(folder / "lock", timeout=0):
            # The code version first: a commit made while the training runs is not the one that trained.
            entry |= {"cores": len(os.sched_getaffinity(0)), "versions": versions, **read_code_version()}
            entry |= _train_and_judge(recipe, entry["rows"] == PUBLIC_TEST, teacher, options, folder)
    except Timeout:
        raise DataError(f"{folder}: another process is working on it; wait for it, or give another name") from None
    _log(options.log, entry)


def _log(path: Path, entry: Entry) -> None:
    if entry["rows"] == PUBLIC_TEST:
        entry["public_look"] = 1 + sum(each.get("public_look") is not None for each in read_log(path))
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")
    print(render("experiments.md", entries=[entry]), end="")


def _require_consent(options: argparse.Namespace, name: str, rows: str) -> None:
    """Raise DataError unless `--finalist` is given if, and only if, the public test is read."""
    if options.finalist != (rows == PUBLIC_TEST):
        remedy = "omit --finalist" if options.finalist else "add --finalist to read it once more"
        raise DataError(f"{name}: was judged by the {rows}; {remedy}")


def _plan_new(options: argparse.Namespace, entries: Sequence[Entry]) -> tuple[Entry, Recipe]:
    check_name(entries, options.name)
    recipe = load_recipe(options.config, options.overrides, options.seed)
    config = Path(options.config).resolve()
    if not config.is_relative_to(ROOT):
        raise DataError(f"--config {config}: is outside the repository, so nobody could repeat it; put it in configs/")
    kept = {"config": str(config.relative_to(ROOT)), "overrides": options.overrides}
    kept |= {"rows": PUBLIC_TEST if options.finalist else RANKING}
    kept |= {"teacher": options.teacher} if options.teacher else {}
    return {"name": options.name, "repeats": None, **kept}, recipe


def _plan_repeat(options: argparse.Namespace, entries: Sequence[Entry]) -> tuple[Entry, Recipe]:
    if options.name or options.overrides or options.teacher or options.seed is not None:
        raise DataError("--repeat: the log decides name, settings, teacher and seed; give none of them")
    entry = find_entry(entries, options.repeat)
    recipe = load_logged_recipe(entry, ROOT)
    _require_consent(options, options.repeat, entry["rows"])
    taken = {each["name"] for each in entries}
    name = next(name for number in count(2) if (name := f"{options.repeat}.{number}") not in taken)
    kept: Entry = {key: entry[key] for key in _KEPT_KEYS if key in entry}
    return {"name": name, "repeats": options.repeat, **kept}, recipe


def _train_and_judge(
    recipe: Recipe, is_final: bool, teacher: Entry | None, options: argparse.Namespace, folder: Path
) -> Entry:
    from benchmarks.model.fer2013 import read_public_test, read_ranking_rows
    from benchmarks.model.trial import OWN_FILE, predict_views, read_targets, train

    pictures, is_scored = read_ranking_rows(options.data, options.state)
    scored = pictures.select(is_scored)
    trained_on = pictures if is_final else pictures.select(~is_scored)
    finish = watch_cores()
    targets = None
    if teacher:
        targets = read_targets(from_nested(Recipe, teacher["recipe"]), trained_on, options.state / teacher["name"])
    measured = trained_on.select(slice(_OWN_ROWS)) if is_final else scored
    trained = train(recipe, trained_on, measured, folder, targets)
    effort = finish()
    test = read_public_test(options.data) if is_final else None
    answers = predict_views(trained, test or scored)
    answers.write(folder)
    own = predict_views(trained, trained_on)
    own.write(folder, OWN_FILE)
    return {
        "train_n": len(trained_on.class_indices),
        **answers.describe(),
        **({"clean_rows": answers.select(test.is_clean).describe()} if test else {}),
        "own_accuracy": float((own.logits[0].argmax(axis=1) == own.class_indices).mean()),  # how much it memorised
        **trained.describe(),
        **effort,
    }


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
    loaded = load_config(config, overrides, {} if seed is None else {"trainer.seed": seed})
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


def _show_epochs() -> None:
    """Log the end of each epoch to stderr, without the steps between."""
    handler = logging.StreamHandler()
    handler.addFilter(lambda record: "finished" in record.getMessage())
    handler.setFormatter(logging.Formatter("%(asctime)s steps %(message)s"))
    logger = logging.getLogger(PROGRESS_LOGGER)
    logger.setLevel(logging.INFO)
    logger.propagate = False  # a library gives the root logger its own handler
    logger.addHandler(handler)


def give_way() -> None:
    """Yield to every other process, in threads that are started later. Linux shares the cores among sessions first if
    `sched_autogroup_enabled` is 1: start with `setsid`, and write 19 to the first process's `/proc/PID/autogroup`."""
    os.nice(19)
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def read_busy_s() -> float:
    """Seconds that all cores together have worked, for any process, since the machine started."""
    ticks = [int(text) for text in Path("/proc/stat").read_text("ascii").splitlines()[0].split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")  # without idle and iowait: man 5 proc


def watch_cores() -> Callable[[], dict[str, float]]:
    """The result gives `cpu_seconds` of this process since now, and `others_fraction`, the share that others took."""
    started_s, busy_s, cpu_s = time.monotonic(), read_busy_s(), read_cpu_s()

    def finish() -> dict[str, float]:
        own_s = read_cpu_s() - cpu_s
        others_s = max(0.0, read_busy_s() - busy_s - own_s)
        capacity_s = (time.monotonic() - started_s) * (os.cpu_count() or 1)
        return {"cpu_seconds": round(own_s), "others_fraction": round(others_s / capacity_s, 3)}

    return finish


if __name__ == "__main__":
    give_way()
    _show_epochs()
    sys.exit(main())
