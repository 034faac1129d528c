"""The model that a run pushed -> fer_tfx/shipped_model, byte for byte, and its light form -> fer_tfx/light_model.

    python -m benchmarks.ship --run runs/fer2013-taught --metrics benchmarks/results/fer2013/metrics.json --data FOLDER

`metrics.json` is what `python -m benchmarks.evaluate` wrote about this model. The card is the run's own, without the
addresses of its artifacts, followed by the figures on the public test, versions and hashes. With `--name accurate` only
the light form and its card are shipped, to fer_tfx/light_model_accurate; the figures are that section of the file.
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
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from benchmarks.harness.command import ROOT, make_parser, read_json_object, render, run_command
from benchmarks.light_forms import Figures, choose_form, measure, write_light_forms
from benchmarks.model.exported import read_calibration, read_record, sum_training_seconds
from benchmarks.model.fer2013 import read_public_test
from fer_tfx.contract import DEFAULT_CLASS_NAMES, EXTRA_ASSETS_DIR, LIGHT_MODEL_FILE
from fer_tfx.errors import DataError, GateError
from fer_tfx.model_files import (
    ACCURATE,
    SHIPPED_FOLDER,
    SMALL,
    compute_digest,
    light_folder,
    list_files,
    verify_sums,
    write_sums,
)
from fer_tfx.quiet import hush_libraries
from reporting.model_card import CARD_FILE, format_code

MAX_BYTES = {SMALL: 4_000_000, ACCURATE: 16_000_000}  # of what is shipped: a SavedModel, or a light form alone
_LICENCE_FILE = "LICENCE_NOTE.md"
_PACKAGES = ("tensorflow", "keras", "tfx", "numpy")
_ADDRESSES = "\n| made from |"  # how the last table of the run's card begins
_EVALUATE = "write it with `python -m benchmarks.evaluate`"
_GATES = [(node, "blessing", "blessed") for node in ("Evaluator", "ServingCheck")]
Metrics = dict[str, Any]


class LightForm(NamedTuple):
    """The one of a model's light forms that is shipped."""

    kind: str
    folder: Path
    figures: Figures  # see `benchmarks.light_forms.measure`


def main(arguments: Sequence[str] | None = None) -> int:
    parser = make_parser("ship", __doc__)
    parser.add_argument("--run", metavar="FOLDER", required=True, type=Path, help="<runtime.root>/<name> of a run")
    parser.add_argument("--metrics", metavar="FILE", required=True, type=Path, help="what benchmarks.evaluate wrote")
    parser.add_argument("--data", metavar="FOLDER", required=True, type=Path, help="the competition's files")
    parser.add_argument("--name", choices=(SMALL, ACCURATE), default=SMALL, help=f"default: {SMALL}")
    package = ROOT / "fer_tfx"
    parser.add_argument("--out", metavar="FOLDER", default=package, type=Path, help="default: fer_tfx, the package")
    return run_command(parser, _ship_into_package, arguments)


def _ship_into_package(options: argparse.Namespace) -> None:
    metrics = read_json_object(options.metrics, _EVALUATE)
    if options.name == ACCURATE:
        metrics = look_up(metrics, ACCURATE)
    pushed = find_pushed_model(options.run)
    check_origin(pushed, metrics)
    with TemporaryDirectory(prefix="benchmark-") as name:
        places = write_light_forms(pushed, options.data, Path(name))
        forms = measure(places, read_public_test(options.data))
        kind = choose_form(forms)
        light, target = LightForm(kind, places[kind], forms[kind]), options.out / light_folder(options.name)
        if options.name == ACCURATE:
            ship_light_alone(pushed, metrics, light, target)
        else:
            ship(pushed, metrics, light, options.out / SHIPPED_FOLDER)
            with replace_folder(target) as new:
                shutil.copytree(light.folder, new, dirs_exist_ok=True)
    print(f"{target}: {kind} shipped; now commit what changed in {options.out}")


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


def ship(pushed: Path, metrics: Metrics, light: LightForm, target: Path) -> None:
    """Copy the SavedModel to `target`. Raises GateError if it is too large."""
    files = [name for name in list_files(pushed) if Path(name).name not in {CARD_FILE, LIGHT_MODEL_FILE}]
    size_bytes = sum((pushed / name).stat().st_size for name in files)
    _require_size(pushed, size_bytes, SMALL)
    digests = {name: compute_digest(pushed / name) for name in files}
    sizes = f"{size_bytes:,} bytes as a SavedModel, {light.figures['bytes']:,} in its light form"
    card = render_card(pushed, metrics, light, sizes, digests)
    with replace_folder(target) as new:
        left_out = shutil.ignore_patterns(CARD_FILE, LIGHT_MODEL_FILE)
        shutil.copytree(pushed, new, dirs_exist_ok=True, ignore=left_out)
        _write_texts(new, card)


def ship_light_alone(pushed: Path, metrics: Metrics, light: LightForm, target: Path) -> None:
    """Copy the light form to `target`, with a card of its own. Raises GateError if it is too large."""
    _require_size(pushed, light.figures["bytes"], ACCURATE)
    digests = {name: compute_digest(light.folder / name) for name in list_files(light.folder)}
    sizes = f"{light.figures['bytes']:,} bytes in its light form, which alone is part of the package"
    card = render_card(pushed, metrics, light, sizes, digests)
    with replace_folder(target) as new:
        shutil.copytree(light.folder, new, dirs_exist_ok=True)
        _write_texts(new, card)


def _require_size(pushed: Path, size_bytes: int, name: str) -> None:
    if size_bytes > MAX_BYTES[name]:
        remedy = "export it in half precision (export.half_precision) or train a smaller network"
        raise GateError(f"{pushed}: {size_bytes:,} bytes, at most {MAX_BYTES[name]:,}; {remedy}")


def _write_texts(folder: Path, card: str) -> None:
    (folder / CARD_FILE).write_text(card, "utf-8")
    (folder / _LICENCE_FILE).write_text(render(_LICENCE_FILE), "utf-8")


def check_origin(pushed: Path, metrics: Metrics) -> None:
    """Raise GateError if the model began with another model's weights, DataError if the figures are another's."""
    record = read_record(pushed)
    if record.get("warm_start"):
        found = "training began with another model's weights, but the licence note says: from scratch"
        raise GateError(f"{pushed}: {found}; ship the model of a run without spans.warm_start")
    check_same_model(pushed, record, metrics)


def check_same_model(folder: Path, record: dict[str, Any], metrics: Metrics) -> None:
    """Raise DataError unless the figures were measured on this very model, as far as its own records tell."""
    measured = {**metrics, **(metrics.get("calibration") or {})}
    own = {key: record[key] for key in ("parameters", "code")} | {"train_wall_seconds": sum_training_seconds(record)}
    own["temperature"] = read_calibration(folder)["temperature"]
    for name, value in own.items():
        if value != measured.get(name):
            found = f"{name} is {measured.get(name)!r}, but {value!r} in {folder}: they are another model's"
            raise DataError(f"metrics: {found}; run `python -m benchmarks.evaluate --model {folder}`")


def render_card(pushed: Path, metrics: Metrics, light: LightForm, sizes: str, digests: dict[str, str]) -> str:
    """The run's own card without its addresses, and what the release adds. Raises DataError if a figure is missing."""
    path = pushed / EXTRA_ASSETS_DIR / CARD_FILE
    try:
        card, _, _ = path.read_text("utf-8").partition(_ADDRESSES)
    except OSError as error:
        raise DataError(f"{path}: can't be read: {error.strerror}; ship a model that this version pushed") from None
    versions = {"Python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}
    release = render(
        CARD_FILE, figure=partial(look_up, metrics), code=format_code, metrics=metrics, class_names=DEFAULT_CLASS_NAMES,
        model_version=pushed.name, light=light, sizes=sizes, digests=digests, versions=versions,
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
    hush_libraries()
    sys.exit(main())
