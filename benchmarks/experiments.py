"""Trainings that rank recipes, each logged with its figures and with all that it takes to repeat it.

    python -m benchmarks.experiments --data FOLDER --state FOLDER --name no-erasing --seed 1 \\
        --set trainer.epochs=200 --set trainer.augmentation.erasing_fraction=0

Recipes are ranked on training rows alone: 70 % of the pictures are trained on, 30 % are judged by. The public test is
read for a finalist only (`--finalist`), which trains on all rows, and the log counts these looks. An interrupted
training goes on when the same command is given again. All of it runs at the lowest priority.

`--repeat NAME` does an experiment of the log again, from random weights; `--table` prints the log as Markdown.
"""

import argparse
import logging
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from benchmarks.background import give_way, read_busy_s
from benchmarks.code_version import read_code_version
from benchmarks.command import run_command
from benchmarks.experiment_log import (
    Entry,
    append_entry,
    check_name,
    count_looks,
    find_entry,
    format_table,
    load_logged_recipe,
    load_recipe,
    name_repeat,
    read_log,
)
from benchmarks.marks import read_cpu_s
from configs.progress import PROGRESS_LOGGER
from configs.spec import Recipe
from schema.errors import DataError

ROOT = Path(__file__).resolve().parents[1]
LOG = ROOT / "benchmarks" / "results" / "experiments.jsonl"
RANKING, PUBLIC_TEST = "ranking split", "public test"
_PACKAGES = ("tensorflow", "keras", "numpy")
_OWN_ROWS = 2048  # that a finalist is measured on while it trains, so that the public test is read once


@dataclass(frozen=True)
class _Plan:
    """What is to be done, and what the log will say of it."""

    name: str
    repeats: str | None
    config: str
    overrides: list[str]
    recipe: Recipe
    rows: str

    def describe(self) -> Entry:
        said = {key: getattr(self, key) for key in ("name", "repeats", "config", "overrides", "rows")}
        return {**said, "seed": self.recipe.trainer.seed, "recipe": asdict(self.recipe)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one experiment or print the log; the exit code is 0, or that of the error."""
    options = _build_parser().parse_args(arguments)
    return run_command("experiments", lambda: _print_log(options.log) if options.table else _log_experiment(options))


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.experiments", description=__doc__.splitlines()[0])
    parser.add_argument("--data", metavar="FOLDER", type=Path, help="the competition's files")
    parser.add_argument("--state", metavar="FOLDER", type=Path, help="keeps rows, trainings and answers")
    parser.add_argument("--name", help="what is tried, new to the log")
    parser.add_argument("--config", metavar="FILE", default="configs/fer2013.yaml", help="the recipe to start from")
    parser.add_argument("--set", metavar="KEY=VALUE", dest="overrides", action="append", default=[])
    parser.add_argument("--seed", metavar="N", type=int, help="of order, pictures and weights (default: the config's)")
    parser.add_argument("--finalist", action="store_true", help="train on all rows and read the public test, once")
    parser.add_argument("--repeat", metavar="NAME", help="do an experiment of the log again; it decides the rest")
    parser.add_argument("--log", metavar="FILE", type=Path, default=LOG, help=f"default: {LOG.name} in results/")
    parser.add_argument("--table", action="store_true", help="print the log and do nothing else")
    return parser


def _print_log(path: Path) -> None:
    if not path.exists():
        raise DataError(f"{path}: no such file; the first experiment makes it")
    print(format_table(read_log(path)))


def _log_experiment(options: argparse.Namespace) -> None:
    if not (options.data and options.state and (options.name or options.repeat)):
        raise DataError("give --data, the competition's files, --state, a folder to keep, and --name or --repeat")
    entries = read_log(options.log)
    plan = _plan_repeat(options, entries) if options.repeat else _plan_new(options, entries)
    folder = options.state / plan.name
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "lock", timeout=0):
            entry = {**plan.describe(), **_do(plan, options, folder), **_describe_place()}
            if plan.rows == PUBLIC_TEST:
                entry["public_look"] = count_looks(read_log(options.log)) + 1
            append_entry(options.log, entry)
    except Timeout:
        raise DataError(f"{folder}: another process works on it; wait for it, or give another name") from None
    print(format_table([entry]))


def _plan_new(options: argparse.Namespace, entries: Sequence[Entry]) -> _Plan:
    check_name(entries, options.name)
    recipe = load_recipe(options.config, options.overrides, options.seed)
    config = Path(options.config).resolve()
    # A path of the repository means the same wherever that lies.
    named = config.relative_to(ROOT) if config.is_relative_to(ROOT) else config
    rows = PUBLIC_TEST if options.finalist else RANKING
    return _Plan(options.name, None, str(named), options.overrides, recipe, rows)


def _plan_repeat(options: argparse.Namespace, entries: Sequence[Entry]) -> _Plan:
    if options.name or options.overrides or options.seed is not None or options.finalist:
        raise DataError("--repeat: the log decides name, settings, seed and rows; give none of them")
    entry = find_entry(entries, options.repeat)
    recipe = load_logged_recipe(entry, ROOT)
    new_name = name_repeat(entries, options.repeat)
    return _Plan(new_name, options.repeat, entry["config"], entry["overrides"], recipe, entry["rows"])


def _do(plan: _Plan, options: argparse.Namespace, folder: Path) -> Entry:
    """Train and judge."""
    from benchmarks.fer2013 import read_public_test
    from benchmarks.ranking import Pictures, read_ranking_rows, write_arrays
    from benchmarks.trial import compute_accuracy_of, describe_logits, predict_views, train

    busy_s, cpu_s = read_busy_s(), read_cpu_s()
    started_s = time.monotonic()
    rows = read_ranking_rows(options.data, options.state)
    is_final = plan.rows == PUBLIC_TEST
    trained_on = rows.pictures if is_final else rows.select(is_scored=False)
    own = Pictures(trained_on.pixels[:_OWN_ROWS], trained_on.class_indices[:_OWN_ROWS])
    trained = train(plan.recipe, trained_on, own if is_final else rows.select(is_scored=True), folder)
    own_cpu_s = read_cpu_s() - cpu_s
    wall_s = time.monotonic() - started_s
    others_s = max(0.0, read_busy_s() - busy_s - own_cpu_s)
    test = read_public_test(options.data) if is_final else None
    scored = Pictures(test.pixels, test.class_indices) if test else rows.select(is_scored=True)
    views = predict_views(trained, scored)
    write_arrays(folder / "answers.npz", logits=views, class_indices=scored.class_indices)

    def describe(chosen: Any = slice(None)) -> Entry:
        classes = scored.class_indices[chosen]
        one, four = views[0][chosen], views.mean(axis=0)[chosen]
        return {
            "n": len(classes),
            "one_view": describe_logits(one, classes),
            "four_views": describe_logits(four, classes),
        }

    return {
        "train_n": len(trained_on.class_indices),
        **describe(),
        **({"clean_rows": describe(test.is_clean)} if test else {}),
        "own_accuracy": compute_accuracy_of(trained, trained_on),
        "parameters": trained.network.count_params(),
        "precision": trained.network.dtype_policy.name,
        "epochs": len(trained.history),
        "curve": [[each.epoch, each.eval_accuracy] for each in trained.history if each.eval_accuracy is not None],
        "seconds": round(sum(each.seconds for each in trained.history)),
        "resumed_from_epoch": trained.resumed_from_epoch,
        # Of this call alone: what an interrupted one took, nobody counted.
        "cpu_seconds": round(own_cpu_s),
        "others_fraction": round(others_s / (wall_s * (os.cpu_count() or 1)), 3),
    }


def _describe_place() -> Entry:
    versions = {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}
    return {"cores": len(os.sched_getaffinity(0)), "versions": versions, **read_code_version()}


def _show_epochs() -> None:
    """Tell on stderr when each epoch has ended; the steps between are left out."""
    handler = logging.StreamHandler()
    handler.addFilter(lambda record: "finished" in record.getMessage())
    handler.setFormatter(logging.Formatter("%(asctime)s steps %(message)s"))
    logger = logging.getLogger(PROGRESS_LOGGER)
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)


if __name__ == "__main__":
    give_way()
    _show_epochs()
    sys.exit(main())
