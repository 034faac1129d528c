"""The shipped models and other packages, side by side on FER2013's public test: how right, how sure, how fast.

    python -m benchmarks.peers --data FOLDER --out FOLDER

The packages are those whose weights come inside their wheels; they get an environment of their own on first use. Each
side works in its own process, in turns, on the same cores.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.evaluate import Answers, describe_accuracy, describe_classes, describe_trust
from benchmarks.harness.command import ROOT, make_parser, parse_count, read_code_version, render, run_command, tell
from benchmarks.harness.measure import measure_process
from benchmarks.model.exported import require_model
from benchmarks.model.fer2013 import PublicTest, read_public_test
from benchmarks.peer.contenders import BATCH_SIZE
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.errors import ConfigError
from fer_tfx.model_files import ACCURATE, SHIPPED_FOLDER, SMALL, light_folder
from pipeline.environment import ensure_environment
from reporting.classification import compare_hits
from reporting.corruptions import CORRUPTIONS, corrupt_pixels

OURS, LIGHT, *PEERS = "ours", "ours-light", "fer", "fer-keras", "facex"
LIGHT_SIDES = {LIGHT: SMALL, f"{LIGHT}-4": SMALL, "accurate": ACCURATE, "accurate-4": ACCURATE}
_LOCK = Path(__file__).parent / "peer" / "peers.lock"
_CHECKED_COUNT = 256
_SINGLE_COUNT, _BATCH_COUNT, _BUDGET_S = 200, 20, 2.0  # calls in a round, unless they take longer


def main(arguments: Sequence[str] | None = None) -> int:
    parser = make_parser("peers", __doc__)
    package = ROOT / "fer_tfx"
    parser.add_argument("--package", metavar="DIR", default=package, type=Path, help="our models (default: fer_tfx)")
    parser.add_argument("--data", metavar="FOLDER", required=True, type=Path, help="the competition's files")
    parser.add_argument("--out", metavar="FOLDER", required=True, type=Path, help="for peers.json and peers.md")
    parser.add_argument("--cores", metavar="N", type=int, default=2, help="cores that each side may use (default: 2)")
    parser.add_argument("--rounds", metavar="N", type=parse_count, default=5, help="turns of each side (default: 5)")
    return run_command(parser, _compare_into_folder, arguments)


def _compare_into_folder(options: argparse.Namespace) -> None:
    available = sorted(os.sched_getaffinity(0))
    count = len(available)
    if not 1 <= options.cores <= count:
        raise ConfigError(f"--cores: expected from 1 to {count}, the cores of this machine, got {options.cores}")
    require_model(options.package / SHIPPED_FOLDER)
    test, python = read_public_test(options.data), ensure_environment(ROOT / ".build" / "peers", _LOCK)
    comparison = compare(options.package, test, python, available[: options.cores], options.rounds)
    report = write_report(comparison)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "peers.json").write_text(json.dumps(comparison, indent=1) + "\n", "utf-8")
    (options.out / "peers.md").write_text(report, "utf-8")
    print(report, end="")


def compare(package: Path, test: PublicTest, peer_python: Path, cores: list[int], rounds: int) -> dict[str, Any]:
    """All figures of all contenders, by name, and of each peer against the shipped SavedModel."""
    with TemporaryDirectory(prefix="benchmark-peers-") as name:
        folder, own = Path(name), Path(sys.executable)
        places = {side: package / light_folder(name) for side, name in LIGHT_SIDES.items()}
        sides = {OURS: (own, package / SHIPPED_FOLDER)}
        sides |= {side: (own, place) for side, place in places.items() if place.is_dir()}
        sides |= dict.fromkeys(PEERS, (peer_python, package))
        pixels = folder / "pixels.npy"
        np.save(pixels, test.pixels)
        load_before = os.getloadavg()[0]
        timings: dict[str, list[list[dict[str, Any]]]] = {side: [] for side in sides}
        counts = {"time_single": _SINGLE_COUNT, "time_batches": _BATCH_COUNT}
        calls = [{"do": do, "count": counts[do], "pixels": str(pixels), "budget_s": _BUDGET_S} for do in counts]
        for number in range(rounds):
            tell(f"timing, round {number + 1} of {rounds}")
            for side, place in sides.items():
                timings[side].append(ask(side, *place, cores, calls))
        load = {"load_average_before": load_before, "load_average_after": os.getloadavg()[0]}
        for corruption in CORRUPTIONS:
            np.save(folder / f"{corruption}.npy", corrupt_pixels(corruption, test.pixels))
        judged = {side: _judge(side, place, cores, test, folder) for side, place in sides.items()}
    hits = judged[OURS][0].is_right
    return {
        "contenders": {side: {**judged[side][1], **summarise(timings[side], BATCH_SIZE)} for side in sides},
        "mcnemar": {peer: {**compare_hits(hits, judged[peer][0].is_right)._asdict(), "n": len(hits)} for peer in PEERS},
        **{"cores": len(cores), "rounds": rounds, "batch_size": BATCH_SIZE, **load, **read_code_version()},
    }


def _judge(
    side: str, place: tuple[Path, Path], cores: list[int], test: PublicTest, folder: Path
) -> tuple[Answers, dict[str, Any]]:
    """Answers to the pictures as they are, and all figures but the timings."""
    tell(f"{side}: all pictures and corruptions")
    names = ("pixels", *CORRUPTIONS)
    outs = {name: folder / f"{side}-{name}.npy" for name in names}
    requests = [{"do": "predict", "pixels": str(folder / f"{name}.npy"), "out": str(outs[name])} for name in names]
    describe = {"do": "describe", "pixels": str(folder / "pixels.npy"), "count": _CHECKED_COUNT}
    facts = ask(side, *place, cores, [describe, *requests])[0]
    answers, *corrupted = (Answers(np.load(outs[name]), test.class_indices) for name in names)
    clean = describe_accuracy(answers.select(test.is_clean))
    return answers, {
        **facts,
        **describe_classes(answers),
        "accuracy": {"all_rows": describe_accuracy(answers), "clean_rows": clean},
        "trust": describe_trust(answers),
        "robustness": {name: describe_accuracy(each) for name, each in zip(CORRUPTIONS, corrupted, strict=True)},
    }


def ask(name: str, python: Path, model: Path, cores: list[int], requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Let one of `contenders.BUILDERS` do each request, arguments of `contenders.answer`, in its own process."""
    with TemporaryDirectory(prefix="benchmark-") as folder:
        asked, answered = Path(folder, "requests.json"), Path(folder, "answers.json")
        asked.write_text(json.dumps(requests), "utf-8")
        arguments = [name, str(model), json.dumps(cores), str(asked), str(answered)]
        measure_process([str(python), "-m", "benchmarks.peer.contenders", *arguments])
        return list(json.loads(answered.read_text("utf-8")))


def summarise(rounds: Sequence[Sequence[dict[str, Any]]], batch_size: int) -> dict[str, Any]:
    """Percentiles over all rounds, each the answers to `time_single` and to `time_batches`, by way of calling."""
    single_s = np.concatenate([single["seconds"] for single, _ in rounds])
    batch_s = {way: np.concatenate([batches[way]["seconds"] for _, batches in rounds]) for way in rounds[0][1]}
    rates = {way: _summarise(batch_size / seconds) for way, seconds in batch_s.items()}
    return {"single_ms": _summarise(single_s * 1e3), "batch_images_per_s": rates}


def _summarise(values: npt.NDArray[np.float64]) -> dict[str, float | int]:
    low, median, high = np.percentile(values, [10, 50, 90])
    return {"median": float(median), "p10": float(low), "p90": float(high), "n": len(values)}


def write_report(comparison: dict[str, Any]) -> str:
    own = {key: comparison["contenders"][name] for key, name in (("ours", OURS), ("light", LIGHT))}
    return render("peers.md", **comparison, class_names=DEFAULT_CLASS_NAMES, corruptions=list(CORRUPTIONS), **own)


if __name__ == "__main__":
    sys.exit(main())
