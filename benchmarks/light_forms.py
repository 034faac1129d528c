"""The light forms of a model, float16 and int8, on the public test: how large, how right, how sure, how fast.

    python -m benchmarks.light_forms --model runs/fer/serving/1 --data FOLDER --out FILE

int8 is calibrated on the views of training rows. `benchmarks.ship` ships it if faster and at most 0.3 points worse.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.evaluate import Answers, describe_abstention, describe_accuracy, describe_classes, describe_trust
from benchmarks.harness.command import make_parser, print_report, render, run_command
from benchmarks.model.exported import require_fer2013_classes, require_model
from benchmarks.model.fer2013 import PublicTest, read_public_test, read_strict_rows
from fer_tfx.contract import CALIBRATION_FILE, CLASS_NAMES_FILE, EXTRA_ASSETS_DIR, LIGHT_MODEL_FILE
from fer_tfx.light import LightModel
from fer_tfx.local_model import Calibrations
from fer_tfx.quiet import hush_libraries
from fer_tfx.views import VIEW_COUNTS, make_views
from models.calibration import fit_temperature
from reporting.calibration import scale_probabilities

FLOAT16, INT8 = "float16", "int8"
MAX_LOSS = 0.003  # of accuracy
_CALIBRATION_COUNT = 500
_TIMED_COUNT, _WARM_UP_COUNT = 400, 20
Figures = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = make_parser("light_forms", __doc__)
    parser.add_argument("--model", metavar="DIR", required=True, type=Path, help="the SavedModel")
    parser.add_argument("--data", metavar="FOLDER", required=True, type=Path, help="the competition's files")
    parser.add_argument("--out", metavar="FILE", type=Path, help="also write the report there, as Markdown")
    return run_command(parser, lambda options: print_report(options.out, lambda: _report(options)), arguments)


def _report(options: argparse.Namespace) -> str:
    with TemporaryDirectory(prefix="benchmark-") as folder:
        forms = measure(write_light_forms(options.model, options.data, Path(folder)), read_public_test(options.data))
    return render("light_forms.md", forms=forms, shipped=choose_form(forms), calibration_count=_CALIBRATION_COUNT)


def write_light_forms(model: Path, data: Path, folder: Path) -> dict[str, Path]:
    """A folder within `folder` for each light form of a SavedModel."""
    require_model(model)
    require_fer2013_classes(model)
    rows, _ = read_strict_rows(data)  # in the order of their digests, so the first are a fair sample
    places = {form: folder / form for form in (FLOAT16, INT8)}
    write_light_form(model, places[FLOAT16])
    asked = make_views(rows.pixels[:_CALIBRATION_COUNT, ..., np.newaxis], max(VIEW_COUNTS))  # as it will be
    write_light_form(model, places[INT8], asked)
    return places


def write_light_form(model: Path, folder: Path, calibration_pixels: Any = None) -> None:
    """Write one to a folder that need not exist; `calibration_pixels`: see `convert_to_light`."""
    from models.light_form import convert_to_light

    folder.mkdir(exist_ok=True)
    (folder / LIGHT_MODEL_FILE).write_bytes(convert_to_light(model, calibration_pixels))
    for name in (CALIBRATION_FILE, CLASS_NAMES_FILE):
        shutil.copy(model / EXTRA_ASSETS_DIR / name, folder / name)


def measure(places: dict[str, Path], test: PublicTest) -> dict[str, Figures]:
    """By form: `bytes`, and by number of `views` the figures of all rows and the cost of one picture."""
    models = {form: LightModel(folder) for form, folder in places.items()}
    costs = _time_in_turns(models, test)
    return {
        form: {
            "bytes": (places[form] / LIGHT_MODEL_FILE).stat().st_size,
            "views": {
                views: {**_describe(model, places[form], views, test), **costs[form, views]}
                for views in model.view_choices
            },
        }
        for form, model in models.items()
    }


def _describe(model: LightModel, folder: Path, views: int, test: PublicTest) -> Figures:
    predictions = model.predict_pixels(test.pixels[..., np.newaxis], views)
    probabilities = np.array([[*each.probabilities.values()] for each in predictions], np.float32)
    answers = Answers(probabilities, test.class_indices)
    temperature, threshold = Calibrations.read(folder / CALIBRATION_FILE).by_views[views]
    factor = fit_temperature(np.log(np.maximum(answers.probabilities, np.finfo(np.float32).tiny)), test.class_indices)
    own = answers._replace(probabilities=scale_probabilities(answers.probabilities, factor))
    return {
        "accuracy": describe_accuracy(answers),
        "macro_f1": describe_classes(answers)["macro_f1"],
        "trust": describe_trust(answers),
        "own_temperature": {"temperature": temperature * factor, **describe_trust(own)},
        "abstain": describe_abstention(answers, threshold),
    }


def _time_in_turns(models: dict[str, LightModel], test: PublicTest) -> dict[tuple[str, int], Figures]:
    """`wall_ms` of a call with one picture, the median and the 10th and 90th percentile, and its mean `cpu_ms`."""
    turns = [(form, views) for form, model in models.items() for views in model.view_choices]
    seconds = np.zeros((len(turns), _TIMED_COUNT, 2))
    for number in range(-_WARM_UP_COUNT, _TIMED_COUNT):  # those below 0 are overwritten
        picture = test.pixels[number % len(test.pixels), np.newaxis, ..., np.newaxis]
        for turn, (form, views) in enumerate(turns):
            start = time.perf_counter(), time.process_time()
            models[form].predict_pixels(picture, views)
            seconds[turn, number] = time.perf_counter() - start[0], time.process_time() - start[1]
    return {
        turn: {"wall_ms": np.percentile(wall, [50, 10, 90]).tolist(), "cpu_ms": float(cpu.mean())}
        for turn, (wall, cpu) in zip(turns, (seconds * 1e3).transpose(0, 2, 1), strict=True)
    }


def choose_form(forms: dict[str, Figures]) -> str:
    """int8 if, with any number of views, it takes less time and loses at most `MAX_LOSS` of accuracy; else float16."""
    pairs = [(forms[FLOAT16]["views"][views], each) for views, each in forms[INT8]["views"].items()]
    is_better = all(
        int8["accuracy"]["value"] >= float16["accuracy"]["value"] - MAX_LOSS and int8["cpu_ms"] < float16["cpu_ms"]
        for float16, int8 in pairs
    )
    return INT8 if is_better else FLOAT16


if __name__ == "__main__":
    hush_libraries()
    sys.exit(main())
