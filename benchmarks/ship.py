"""The model that a run pushed -> fer_tfx/shipped_model, byte for byte, with its card, licence note and hashes, and its
light form -> fer_tfx/light_model.

    python -m benchmarks.ship --run runs/fer2013/fer --metrics benchmarks/results/fer2013/metrics.json

`metrics.json` is what `python -m benchmarks.evaluate` wrote of the same model.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.command import run_command
from benchmarks.folder_swap import replace_folder
from benchmarks.json_file import read_json_object
from benchmarks.licence_note import LICENCE_NOTE
from benchmarks.light import ship_light_form
from benchmarks.model_card import Subject, describe_versions, render_card
from benchmarks.pushed_model import PushedModel, read_pushed_model
from fer_tfx.contract import CALIBRATION_FILE, EXTRA_ASSETS_DIR, TRAINING_RECORD_FILE
from fer_tfx.errors import DataError, GateError
from fer_tfx.model_files import LIGHT_FOLDER, SHIPPED_FOLDER, compute_digest, list_files, verify_sums, write_sums
from reporting.model_card import CARD_FILE

MAX_MODEL_BYTES = 3_000_000
LICENCE_FILE = "LICENCE_NOTE.md"
_TARGET = Path(__file__).resolve().parent.parent / "models" / SHIPPED_FOLDER


def main(arguments: Sequence[str] | None = None) -> int:
    """Ship a model; the exit code is 0, or that of the error: 3 if the model may not be shipped."""
    options = _build_parser().parse_args(arguments)

    def ship_latest() -> None:
        metrics, pushed = read_metrics(options.metrics), read_pushed_model(options.run)
        ship(pushed, metrics, options.out)
        light = options.out.with_name(LIGHT_FOLDER)
        ship_light_form(pushed.folder, light)
        print(f"{options.out} and {light}: shipped; now commit them")

    return run_command("ship", ship_latest)


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ship", description=__doc__.splitlines()[0])
    parser.add_argument("--run", metavar="FOLDER", required=True, type=Path, help="<runtime.root>/<name> of a run")
    parser.add_argument("--metrics", metavar="FILE", required=True, type=Path, help="what benchmarks.evaluate wrote")
    parser.add_argument("--out", metavar="FOLDER", default=_TARGET, type=Path, help="default: fer_tfx/shipped_model")
    return parser


def read_metrics(path: Path) -> dict[str, Any]:
    """The content of `metrics.json`. Raises DataError."""
    return read_json_object(path, "write it with `python -m benchmarks.evaluate`")


def ship(pushed: PushedModel, metrics: dict[str, Any], target: Path) -> None:
    """Copy the model to `target`, which holds the old or the new one whole at any time but an instant between two
    renames.

    Raises:
        GateError: the model is too large, or began with another model's weights.
        DataError: the figures are those of another model, or one is missing.
    """
    files = list_model_files(pushed.folder)
    size_bytes = sum((pushed.folder / name).stat().st_size for name in files)
    if size_bytes > MAX_MODEL_BYTES:
        raise GateError(
            f"{pushed.folder}: {size_bytes:,} bytes, at most {MAX_MODEL_BYTES:,}; export it in half precision"
            " (export.half_precision) or train a smaller network"
        )
    record = _read_json(pushed.folder / EXTRA_ASSETS_DIR / TRAINING_RECORD_FILE)
    if record.get("warm_start"):
        raise GateError(
            f"{pushed.folder}: was trained on from another model's weights, while card and licence note say: from"
            " scratch; ship the model of a run without spans.warm_start"
        )
    check_same_model(pushed.folder, record, metrics)
    digests = {name: compute_digest(pushed.folder / name) for name in files}
    card = render_card(metrics, Subject(pushed.folder.name, size_bytes, digests, pushed.rows, describe_versions()))
    with replace_folder(target) as partial:
        shutil.copytree(pushed.folder, partial, dirs_exist_ok=True, ignore=shutil.ignore_patterns(CARD_FILE))
        (partial / CARD_FILE).write_text(card, "utf-8")
        (partial / LICENCE_FILE).write_text(LICENCE_NOTE, "utf-8")
        write_sums(partial)
        verify_sums(partial)


def list_model_files(folder: Path) -> list[str]:
    """The files of a pushed model by relative path, but for the card of its run: the one written here has more."""
    return [name for name in list_files(folder) if Path(name).name != CARD_FILE]


def check_same_model(folder: Path, record: dict[str, Any], metrics: dict[str, Any]) -> None:
    """Raise DataError unless the figures were measured on this very model, as far as its own records tell."""
    calibration = _read_json(folder / EXTRA_ASSETS_DIR / CALIBRATION_FILE)
    measured = metrics.get("calibration")
    seconds = round(sum(epoch["seconds"] for epoch in record.get("history", ())), 1)
    pairs = {
        "parameters": (record.get("parameters"), metrics.get("parameters")),
        "code": (record.get("code"), metrics.get("code")),
        "train_wall_seconds": (seconds, metrics.get("train_wall_seconds")),
        "temperature": (calibration.get("temperature"), measured and measured.get("temperature")),
    }
    for name, (of_model, of_metrics) in pairs.items():
        if of_model != of_metrics:
            raise DataError(
                f"metrics: {name} is {of_metrics!r}, but {of_model!r} in {folder}: they are another model's;"
                f" run `python -m benchmarks.evaluate --model {folder}`"
            )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path}: can't be read: {reason}; ship a model that this version pushed") from None


if __name__ == "__main__":
    sys.exit(main())
