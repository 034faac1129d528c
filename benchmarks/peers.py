"""A model of ours and the package `fer`, side by side on FER2013's public test: how right, how sure, how fast.

    python -m benchmarks.peers --model runs/fer/serving/1 --data FOLDER --out FOLDER

`fer` lives in an environment of its own, made on first use. Each side works in its own process on the same cores,
by turns: while one is timed the others wait.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.code_version import read_code_version
from benchmarks.command import run_command
from benchmarks.contenders import BATCH_SIZE
from benchmarks.fer2013 import PublicTest, read_public_test
from benchmarks.figures import Answers, describe_accuracy, describe_classes, describe_trust
from benchmarks.light import ship_light_form
from benchmarks.peer_environment import ensure_environment
from benchmarks.peer_process import ContenderProcess
from benchmarks.peer_report import write_peer_report
from benchmarks.timings import Timings, summarise_timings
from fer_tfx.errors import ConfigError, DataError
from reporting.classification import compare_hits
from reporting.corruptions import CORRUPTIONS, corrupt_pixels

OURS, LIGHT = "ours", "ours-light"
PEERS = ("fer", "fer-keras")
_CHECKED_COUNT = 256
_SINGLE_COUNT, _BATCH_COUNT = 200, 20  # calls in a round, unless they take longer than
_BUDGET_S = 2.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare and write `peers.json` and `peers.md`; the exit code is 0, or that of the error."""
    options = _build_parser().parse_args(arguments)
    return run_command("peers", lambda: _compare_into_folder(options))


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__.splitlines()[0])
    parser.add_argument("--model", metavar="DIR", required=True, type=Path, help="our SavedModel")
    parser.add_argument("--data", metavar="FOLDER", required=True, type=Path, help="the competition's files")
    parser.add_argument("--out", metavar="FOLDER", required=True, type=Path, help="for peers.json and peers.md")
    parser.add_argument("--cores", metavar="N", type=int, default=2, help="cores that each side may use (default: 2)")
    parser.add_argument("--rounds", metavar="N", type=int, default=5, help="turns of each side (default: 5)")
    return parser


def _compare_into_folder(options: argparse.Namespace) -> None:
    cores = _choose_cores(options.cores)
    if options.rounds < 1:
        raise ConfigError(f"--rounds: expected at least 1, got {options.rounds}")
    if not (options.model / "saved_model.pb").is_file():
        raise DataError(f"{options.model}: no SavedModel; give the folder of one version")
    test = read_public_test(options.data)
    comparison = compare(options.model, test, ensure_environment(), cores, options.rounds)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "peers.json").write_text(json.dumps(comparison, indent=1) + "\n", "utf-8")
    report = write_peer_report(comparison)
    (options.out / "peers.md").write_text(report, "utf-8")
    print(report, end="")


def _choose_cores(count: int) -> list[int]:
    available = sorted(os.sched_getaffinity(0))
    if not 1 <= count <= len(available):
        raise ConfigError(f"--cores: expected from 1 to {len(available)}, the cores of this machine, got {count}")
    return available[:count]


def compare(model: Path, test: PublicTest, peer_python: Path, cores: list[int], rounds: int) -> dict[str, Any]:
    """All figures of all contenders, by name, and of each peer against ours.

    Args:
        model: our SavedModel.
        test: the rows.
        peer_python: interpreter of fer's environment.
        cores: numbers of the cores that each process may use.
        rounds: turns that each contender is timed for.
    """
    with TemporaryDirectory(prefix="benchmark-peers-") as name, ExitStack() as stack:
        pixels = Path(name) / "pixels.npy"
        np.save(pixels, test.pixels)
        ship_light_form(model, Path(name) / LIGHT)
        places = {OURS: model, LIGHT: Path(name) / LIGHT, **dict.fromkeys(PEERS, model)}
        contenders = [
            stack.enter_context(
                ContenderProcess(
                    each, peer_python if each in PEERS else Path(sys.executable), str(place), cores, Path(name)
                )
            )
            for each, place in places.items()
        ]
        facts = {each.name: each.ask("describe", pixels=str(pixels), count=_CHECKED_COUNT) for each in contenders}
        load_before = os.getloadavg()[0]
        timings = _time_by_turns(contenders, pixels, rounds)
        load = {"load_average_before": load_before, "load_average_after": os.getloadavg()[0]}
        answers = {each.name: Answers(each.predict(pixels), test.class_indices) for each in contenders}
        robustness = _measure_robustness(contenders, test, pixels.parent)
    figures = {name: _describe_answers(each, test) for name, each in answers.items()}
    return {
        "contenders": {
            name: {**facts[name], **figures[name], "robustness": robustness[name], **timings[name]} for name in places
        },
        "mcnemar": {peer: _compare_answers(answers[OURS], answers[peer]) for peer in PEERS},
        **{"cores": len(cores), "rounds": rounds, "batch_size": BATCH_SIZE, **load, **read_code_version()},
    }


def _time_by_turns(contenders: list[ContenderProcess], pixels: Path, rounds: int) -> dict[str, dict[str, Any]]:
    """`single_ms` and, by way of calling, `batch_images_per_s`."""
    timings = {contender.name: Timings() for contender in contenders}
    for number in range(rounds):
        print(f"timing, round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        for contender in contenders:
            request = {"pixels": str(pixels), "budget_s": _BUDGET_S}
            timings[contender.name].add_single(contender.ask("time_single", **request, count=_SINGLE_COUNT))
            timings[contender.name].add_batches(contender.ask("time_batches", **request, count=_BATCH_COUNT))
    return {name: summarise_timings(timing, BATCH_SIZE) for name, timing in timings.items()}


def _describe_answers(answers: Answers, test: PublicTest) -> dict[str, Any]:
    clean = describe_accuracy(answers.select(test.is_clean))
    return {
        **describe_classes(answers),
        "accuracy": {"all_rows": describe_accuracy(answers), "clean_rows": clean},
        "trust": describe_trust(answers),
    }


def _compare_answers(ours: Answers, peers: Answers) -> dict[str, Any]:
    """McNemar's test; `first` is ours."""
    return {**compare_hits(ours.is_right, peers.is_right)._asdict(), "n": len(ours.class_indices)}


def _measure_robustness(
    contenders: list[ContenderProcess], test: PublicTest, folder: Path
) -> dict[str, dict[str, Any]]:
    """Accuracy by contender, then by corruption; all get the same pictures."""
    accuracies: dict[str, dict[str, Any]] = {contender.name: {} for contender in contenders}
    for name in CORRUPTIONS:
        print(f"corruption {name}", file=sys.stderr, flush=True)
        np.save(folder / f"{name}.npy", corrupt_pixels(name, test.pixels))
        for contender in contenders:
            answers = Answers(contender.predict(folder / f"{name}.npy"), test.class_indices)
            accuracies[contender.name][name] = describe_accuracy(answers)
    return accuracies


if __name__ == "__main__":
    sys.exit(main())
