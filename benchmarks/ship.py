"""The model that a run pushed -> fer_tfx/shipped_model, byte for byte, and its light form -> fer_tfx/light_model.

    python -m benchmarks.ship --run runs/fer2013/fer --metrics benchmarks/results/fer2013/metrics.json

`metrics.json` is what `python -m benchmarks.evaluate` wrote about this model. The card is the run's own, without the
addresses of its artifacts, followed by the figures on the public test, versions and hashes.
"""

import argparse
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.harness.command import ROOT, make_parser, read_json_object, render, run_command
from benchmarks.model.exported import read_calibration, read_record, sum_training_seconds
from fer_tfx.contract import CALIBRATION_FILE, CLASS_NAMES, CLASS_NAMES_FILE, EXTRA_ASSETS_DIR, LIGHT_MODEL_FILE
from fer_tfx.errors import DataError, GateError
from fer_tfx.model_files import SHIPPED_FOLDER, compute_digest, light_folder, list_files, verify_sums, write_sums
from reporting.model_card import CARD_FILE, format_code

MAX_MODEL_BYTES = 3_000_000
_LICENCE_FILE = "LICENCE_NOTE.md"
_PACKAGES = ("tensorflow", "keras", "tfx", "numpy")
_ADDRESSES = "\n| made from |"  # how the last table of the run's card begins
_EVALUATE = "write it with `python -m benchmarks.evaluate`"
_GATES = [(node, "blessing", "blessed") for node in ("Evaluator", "ServingCheck")]
Metrics = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = make_parser("ship", __doc__)
    parser.add_argument("--run", metavar="FOLDER", required=True, type=Path, help="<runtime.root>/<name> of a run")
    parser.add_argument("--metrics", metavar="FILE", required=True, type=Path, help="what benchmarks.evaluate wrote")
    target = ROOT / "fer_tfx" / SHIPPED_FOLDER
    parser.add_argument("--out", metavar="FOLDER", default=target, type=Path, help="default: fer_tfx/shipped_model")
    return run_command(parser, _ship_both_forms, arguments)


def _ship_both_forms(options: argparse.Namespace) -> None:
    metrics, pushed = read_json_object(options.metrics, _EVALUATE), find_pushed_model(options.run)
    light = options.out.with_name(light_folder())
    ship(pushed, metrics, options.out)
    ship_light_form(pushed, light)
    print(f"{options.out} and {light}: shipped; now commit them")


def find_pushed_model(run: Path) -> Path:
    """The folder of the model that the latest run below `run` pushed. Raises GateError if a gate refused it."""
    store = run / "metadata.sqlite"
    if not store.is_file():
        raise DataError(f"{store}: no such file; give --run the folder of a run, <runtime.root>/<name>")
    from pipeline.history import open_store, read_latest_run

    nodes = read_latest_run(open_store(store))
    for node, output, mark in (*_GATES, ("Pusher", "pushed_model", "pushed")):
        artifact = nodes[node].outputs.get(output) if node in nodes else None
        if not (artifact and artifact.properties.get(mark)):
            found = f"{node} gave no mark `{mark}`" if artifact else f"{node} did not finish"
            raise GateError(f"{run}: in the latest run {found}; ship a model that every gate has let through")
    folder = Path(str(nodes["Pusher"].outputs["pushed_model"].properties["pushed_destination"]))
    if not (folder / "saved_model.pb").is_file():
        raise DataError(f"{folder}: the pushed model is gone; run the pipeline again, into an empty serving folder")
    return folder


def ship(pushed: Path, metrics: Metrics, target: Path) -> None:
    """Copy the model to `target`. Raises GateError if it is too large or began with another model's weights."""
    files = [name for name in list_files(pushed) if Path(name).name != CARD_FILE]
    size_bytes = sum((pushed / name).stat().st_size for name in files)
    if size_bytes > MAX_MODEL_BYTES:
        remedy = "export it in half precision (export.half_precision) or train a smaller network"
        raise GateError(f"{pushed}: {size_bytes:,} bytes, at most {MAX_MODEL_BYTES:,}; {remedy}")
    record = read_record(pushed)
    if record.get("warm_start"):
        found = "training began with another model's weights, but the licence note says: from scratch"
        raise GateError(f"{pushed}: {found}; ship the model of a run without spans.warm_start")
    check_same_model(pushed, record, metrics)
    card = render_card(pushed, metrics, size_bytes, {name: compute_digest(pushed / name) for name in files})
    with replace_folder(target) as new:
        shutil.copytree(pushed, new, dirs_exist_ok=True, ignore=shutil.ignore_patterns(CARD_FILE))
        (new / CARD_FILE).write_text(card, "utf-8")
        (new / _LICENCE_FILE).write_text(render(_LICENCE_FILE), "utf-8")


def check_same_model(folder: Path, record: dict[str, Any], metrics: Metrics) -> None:
    """Raise DataError unless the figures were measured on this very model, as far as its own records tell."""
    measured = {**metrics, **(metrics.get("calibration") or {})}
    own = {key: record[key] for key in ("parameters", "code")} | {"train_wall_seconds": sum_training_seconds(record)}
    own["temperature"] = read_calibration(folder)["temperature"]
    for name, value in own.items():
        if value != measured.get(name):
            found = f"{name} is {measured.get(name)!r}, but {value!r} in {folder}: they are another model's"
            raise DataError(f"metrics: {found}; run `python -m benchmarks.evaluate --model {folder}`")


def render_card(pushed: Path, metrics: Metrics, size_bytes: int, digests: dict[str, str]) -> str:
    """The run's own card without its addresses, and what the release adds. Raises DataError if a figure is missing."""
    path = pushed / EXTRA_ASSETS_DIR / CARD_FILE
    try:
        card, _, _ = path.read_text("utf-8").partition(_ADDRESSES)
    except OSError as error:
        raise DataError(f"{path}: can't be read: {error.strerror}; ship a model that this version pushed") from None
    versions = {"Python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}
    release = render(
        CARD_FILE, figure=partial(look_up, metrics), code=format_code, metrics=metrics, class_names=CLASS_NAMES,
        model_version=pushed.name, size_bytes=size_bytes, digests=digests, versions=versions,
    )  # fmt: skip
    return f"{card.rstrip()}\n\n{release}"


def look_up(metrics: Metrics, *keys: str) -> Any:
    """The value at the end of a path of keys. Raises DataError if it is missing or null."""
    value: Any = metrics
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
        if value is None:
            raise DataError(f"metrics: no `{'.'.join(keys)}` in it; {_EVALUATE}")
    return value


def ship_light_form(model: Path, target: Path) -> None:
    """Write the light form of the SavedModel in `model` to `target`."""
    from models.light_form import convert_to_light

    content = convert_to_light(model)
    with replace_folder(target) as new:
        (new / LIGHT_MODEL_FILE).write_bytes(content)
        for name in (CALIBRATION_FILE, CLASS_NAMES_FILE):
            shutil.copy(model / EXTRA_ASSETS_DIR / name, new / name)


@contextmanager
def replace_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside `target` that takes its place, with SHA256SUMS, if the block ends well."""
    new, old = (target.with_name(f".{target.name}.{os.getpid()}.{what}") for what in ("new", "old"))
    new.mkdir(parents=True)
    try:
        yield new
        write_sums(new)
        verify_sums(new)
        if target.exists():
            target.rename(old)  # a folder with files can't be renamed over
        try:
            new.rename(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise
    finally:
        for rest in (new, old):
            shutil.rmtree(rest, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
