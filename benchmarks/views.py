"""What averaging the answers to several views of each picture gains and costs, by a light form on the public test.

    python -m benchmarks.views --data FOLDER

`--calibrate` first fits temperatures and abstain thresholds for 2 and 4 views to a SavedModel's answers to the public
test, for a model that was exported before the Trainer did so and whose eval split was the public test.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.evaluate import Answers, describe_classes, describe_trust
from benchmarks.harness.command import ROOT, make_parser, render, run_command
from benchmarks.model.exported import load_predict, predict_views, read_calibration, read_record
from benchmarks.model.fer2013 import PublicTest, read_public_test
from fer_tfx.contract import CALIBRATION_FILE, EXTRA_ASSETS_DIR, TEMPERATURE_KEY, VIEWS_KEY
from fer_tfx.errors import DataError
from fer_tfx.light import LightModel
from fer_tfx.local_model import Calibrations
from fer_tfx.model_files import SHIPPED_FOLDER, light_folder, verify_sums, write_sums
from fer_tfx.views import VIEW_COUNTS
from models import calibration
from reporting.calibration import apply_abstain_threshold

_TIMED_COUNT = 400


def main(arguments: Sequence[str] | None = None) -> int:
    parser = make_parser("views", __doc__)
    parser.add_argument("--data", metavar="FOLDER", required=True, type=Path, help="the competition's files")
    for name, place in (("model", f"fer_tfx/{SHIPPED_FOLDER}"), ("light", f"fer_tfx/{light_folder()}")):
        parser.add_argument(f"--{name}", metavar="FOLDER", default=ROOT / place, type=Path, help=f"default: {place}")
    parser.add_argument("--calibrate", action="store_true", help="fit what the calibrations of both lack")
    return run_command(parser, _measure, arguments)


def _measure(options: argparse.Namespace) -> None:
    test = read_public_test(options.data)
    if options.calibrate:
        calibrate(options.model, options.light, test)
    print(render("views.md", views=measure(options.light, test)), end="")


def calibrate(model: Path, light: Path, test: PublicTest) -> None:
    """Add 2 and 4 views to the calibrations of a SavedModel and its light form, and renew their sums."""
    for folder in (model, light):
        verify_sums(folder)
    own = read_calibration(model)
    if own.pop(VIEWS_KEY, 1) != 1:
        raise DataError(f"{model}: averages views itself, so it needs no calibration for others; omit --calibrate")
    single = predict_views(load_predict(model), test.pixels, max(VIEW_COUNTS)).astype(np.float64)
    # But for a constant, which no softmax sees.
    logits = own[TEMPERATURE_KEY] * np.log(np.maximum(single, np.finfo(np.float32).tiny)).transpose(1, 0, 2)
    abstain_accuracy = read_record(model)["export"]["abstain_accuracy"]
    fitted = calibration.calibrate_views(logits, test.class_indices, abstain_accuracy, views=1)
    of_training = calibration.Calibration(**{name: own[name] for name in vars(fitted.served)})
    text = replace(fitted, by_views={**fitted.by_views, 1: of_training}).to_json()
    for folder, path in ((model, model / EXTRA_ASSETS_DIR), (light, light)):
        (path / CALIBRATION_FILE).write_text(text, "utf-8")
        write_sums(folder)


def measure(light: Path, test: PublicTest) -> dict[int, dict[str, Any]]:
    """By number of views: figures of all rows, and milliseconds for one picture, taken in turns."""
    calibrations = Calibrations.read(light / CALIBRATION_FILE)
    model, choices = LightModel(light), calibrations.list_choices()
    pixels, figures, times = test.pixels[..., np.newaxis], {}, {views: np.zeros(_TIMED_COUNT) for views in choices}
    for number in range(-20, _TIMED_COUNT):  # those below 0 warm up, and are overwritten
        for views in choices:
            started_s = time.perf_counter()
            model.predict_pixels(pixels[number : number + 1] if number >= 0 else pixels[:1], views)
            times[views][number] = (time.perf_counter() - started_s) * 1e3
    for views in choices:
        found = model.predict_pixels(pixels, views)
        answers = Answers(np.array([[*each.probabilities.values()] for each in found]), test.class_indices)
        temperature, threshold = calibrations.by_views[views]
        figures[views] = {
            **describe_classes(answers),
            **describe_trust(answers),
            "temperature": temperature,
            "abstain": apply_abstain_threshold(*answers, threshold),
            "ms": np.percentile(times[views], [50, 10, 90]).tolist(),
        }
    return figures


if __name__ == "__main__":
    sys.exit(main())
