"""A model's figures on FER2013's public test, as one section of a JSON file, and its accuracy by epoch beside that.

    python -m benchmarks.evaluate --model runs/fer/serving/1 --data FOLDER --out benchmarks/results/fer2013/metrics.json

`--section` fills a section of the file for another model than the small one, to which the top level belongs: one of the
recipe without teachers, the accurate one, or one trained on the official rows (`data.keep_twins`), whose figures are
honest on clean rows alone. `--votes` labels rows by the majority of FER+'s votes, for a model of configs/ferplus.yaml.
Each figure has its number of rows, and a share of them Wilson's 95 % interval.
"""

import argparse
import base64
import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.harness.command import ROOT, make_parser, read_code_version, read_json_object, render, run_command
from benchmarks.model import exported
from benchmarks.model.fer2013 import PublicTest, label_by_votes, read_public_test
from configs.progress import EpochMetrics
from fer_tfx.contract import BY_VIEWS_KEY, DEFAULT_CLASS_NAMES, TEMPERATURE_KEY, THRESHOLD_KEY, VIEWS_KEY
from fer_tfx.model_files import ACCURATE
from fer_tfx.quiet import hush_libraries
from fer_tfx.views import VIEW_COUNTS, average_views
from reporting import calibration, classification
from reporting.corruptions import CORRUPTIONS, corrupt_pixels
from reporting.intervals import Share
from reporting.plots import plot_training
from reporting.report_data import TrainingFigures

SECTIONS = ("untaught", ACCURATE, "official", "accurate_official")  # models reported beside the shipped small one


class Answers(NamedTuple):
    """A model's answers to n rows."""

    probabilities: npt.NDArray[np.floating[Any]]  # (n, classes)
    class_indices: npt.NDArray[np.int64]  # (n,), the true classes

    @property
    def is_right(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.probabilities.argmax(axis=1) == self.class_indices)

    def select(self, is_selected: npt.NDArray[np.bool_]) -> "Answers":
        return Answers(self.probabilities[is_selected], self.class_indices[is_selected])


def main(arguments: Sequence[str] | None = None) -> int:
    given = sys.argv[1:] if arguments is None else list(arguments)
    parser = make_parser("evaluate", __doc__)
    parser.add_argument("--model", metavar="DIR", required=True, type=Path, help="the SavedModel")
    parser.add_argument("--data", metavar="FOLDER", required=True, type=Path, help="the competition's files")
    parser.add_argument("--out", metavar="FILE", required=True, type=Path, help="the JSON file")
    parser.add_argument("--section", choices=SECTIONS, help="the section to fill (default: the top level)")
    parser.add_argument("--votes", metavar="FILE", type=Path, help="label rows by the majority of these votes of FER+")
    parser.add_argument(
        "--teacher", metavar="DIR", action="append", default=[], type=Path, help="SavedModel of a teacher"
    )
    parser.add_argument("--train-command", metavar="TEXT", help="command that trained the model, to be kept with it")
    # Whoever repeats it has no such absolute path.
    words = [os.path.relpath(word, ROOT) if Path(word).is_absolute() else word for word in given]
    command = shlex.join([*parser.prog.split(), *words])
    return run_command(parser, lambda options: _evaluate_into_file(options, command), given)


def _evaluate_into_file(options: argparse.Namespace, command: str) -> None:
    existing = read_json_object(options.out, "fix it or give --out another file") if options.out.exists() else {}
    exported.require_model(options.model)
    test = read_public_test(options.data)
    if options.votes:
        test = label_by_votes(test, options.votes, exported.read_class_names(options.model))
    else:
        exported.require_fer2013_classes(options.model)
    figures = {"labels": "majority of FER+ votes" if options.votes else "FER2013", **evaluate(options.model, test)}
    teacher_s = sum(exported.sum_training_seconds(exported.read_record(each)) for each in options.teacher)
    section = {
        **figures,
        "teacher_wall_seconds": teacher_s,
        "command": command,
        "train_command": options.train_command,
        **read_code_version(),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    merged = merge_section(existing, options.section, section)
    options.out.write_text(json.dumps(merged, indent=1) + "\n", "utf-8")
    curves = f"curves-{options.section}.svg" if options.section else "curves.svg"
    options.out.with_name(curves).write_bytes(draw_curves(exported.read_record(options.model)))
    print(render("evaluation.md", **section), end="")


def draw_curves(record: dict[str, Any]) -> bytes:
    """Accuracy by epoch, as SVG, from a model's training record."""
    epochs = tuple(EpochMetrics(**epoch) for epoch in record["history"])
    accuracy, *_ = plot_training(TrainingFigures(epochs, record["parameters"], precision="", train_rows=0))
    return base64.b64decode(accuracy.light.partition(",")[2])


def merge_section(existing: dict[str, Any], name: str | None, section: dict[str, Any]) -> dict[str, Any]:
    """The file's new content: the section `name` replaced, or, without a name, all but the named sections."""
    kept = {each: existing[each] for each in SECTIONS if each in existing}
    return {**existing, name: section} if name else {**section, **kept}


def evaluate(model: Path, test: PublicTest) -> dict[str, Any]:
    """All figures of a SavedModel; the most wanted are at the top, with their numbers of rows."""
    record, learned = exported.read_record(model), exported.read_calibration(model)
    predict, temperature = exported.load_predict(model), learned[TEMPERATURE_KEY]
    answers = Answers(predict(test.pixels), test.class_indices)
    before = Answers(calibration.scale_probabilities(answers.probabilities, 1 / temperature), answers.class_indices)
    trust = {"before": describe_trust(before), "after": describe_trust(answers)}
    class_names = exported.read_class_names(model)
    classes = describe_classes(answers, class_names)
    views = _describe_views(predict, answers, learned, test, class_names)
    headline = {"public_accuracy": classes["accuracy"], "macro_f1": classes["macro_f1"]}
    headline |= {f"public_accuracy_views{count}": each["all_rows"]["value"] for count, each in views.items()}
    headline |= {f"ece_{when}": each["ece"] for when, each in trust.items()}
    return {
        "parameters": record["parameters"],
        "epochs": len(exported.list_epochs(record)),
        "train_wall_seconds": exported.sum_training_seconds(record),
        "train_wall_seconds_n": len(exported.list_epochs(record)),
        **headline,
        **{f"{key}_n": classes["n"] for key in headline},
        "accuracy": {
            "all_rows": describe_accuracy(answers),
            "clean_rows": describe_accuracy(answers.select(test.is_clean)),
            "leaked_rows": describe_accuracy(answers.select(~test.is_clean)),
        },
        "views": views,
        "classes": classes,
        "calibration": {"temperature": temperature, **trust},
        "abstain": describe_abstention(answers, learned[THRESHOLD_KEY]),
        "robustness": _describe_robustness(predict, answers, test),
        "configuration": {key: record[key] for key in ("model", "trainer", "export") if key in record},
        "code": record["code"],
    }


def _describe_views(
    predict: exported.Predict, answers: Answers, learned: dict[str, Any], test: PublicTest, class_names: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """By number of views that the library can average: those that the model itself does, and more if that is one."""
    own = learned.get(VIEWS_KEY, 1)
    calibrations, by_views = learned.get(BY_VIEWS_KEY, {}), {own: answers}
    if own == 1 and calibrations:
        single = exported.predict_views(predict, test.pixels, max(VIEW_COUNTS))
        for count in VIEW_COUNTS[1:]:
            temperature = calibrations[str(count)][TEMPERATURE_KEY]
            averaged = average_views(single[:count], learned[TEMPERATURE_KEY], temperature)
            by_views[count] = Answers(averaged, answers.class_indices)
    return {
        str(count): {
            "all_rows": describe_accuracy(each),
            "clean_rows": describe_accuracy(each.select(test.is_clean)),
            "macro_f1": describe_classes(each, class_names)["macro_f1"],
            **describe_trust(each),
            "abstain": describe_abstention(each, calibrations.get(str(count), learned)[THRESHOLD_KEY]),
        }
        for count, each in by_views.items()
    }


def _describe_robustness(predict: exported.Predict, answers: Answers, test: PublicTest) -> dict[str, Any]:
    """By corruption: accuracy, and its share of the accuracy on pictures as they are."""
    clean, found = float(answers.is_right.mean()), {}
    for name in CORRUPTIONS:
        accuracy = describe_accuracy(Answers(predict(corrupt_pixels(name, test.pixels)), test.class_indices))
        found[name] = {**accuracy, "relative": accuracy["value"] / clean if clean else None}
    return found


def describe_share(fraction: float, row_count: int) -> dict[str, float | int]:
    share = Share.of(fraction, row_count)
    return {"value": share.fraction, "low": share.low, "high": share.high, "n": share.count}


def describe_accuracy(answers: Answers) -> dict[str, float | int]:
    """Share of the rows that is right; 0 if there are none."""
    hits = answers.is_right
    return describe_share(float(hits.mean()) if len(hits) else 0.0, len(hits))


def describe_classes(answers: Answers, class_names: Sequence[str] = DEFAULT_CLASS_NAMES) -> dict[str, Any]:
    """Macro F1, balanced accuracy, recall per class by name, and the confusion matrix (rows are true classes)."""
    predicted = answers.probabilities.argmax(axis=1)
    confusion = classification.compute_confusion(answers.class_indices, predicted, len(class_names))
    recalls = classification.compute_recalls(confusion)
    by_class = zip(class_names, recalls, strict=True)
    return {
        "accuracy": classification.compute_accuracy(confusion),
        "macro_f1": classification.compute_macro_f1(confusion),
        "balanced_accuracy": float(np.mean([each.fraction for each in recalls if each.count])),
        "n": len(predicted),
        "recall": {name: describe_share(each.fraction, each.count) for name, each in by_class},
        "confusion": confusion.tolist(),
    }


def describe_trust(answers: Answers) -> dict[str, float | int]:
    """`ece` (15 bins), `nll` (nats), `brier` (0-2) and `n`."""
    return {
        "ece": calibration.compute_calibration_error(*answers),
        "nll": calibration.compute_nll(*answers),
        "brier": calibration.compute_brier_score(*answers),
        "n": len(answers.class_indices),
    }


def describe_abstention(answers: Answers, threshold: float) -> dict[str, Any]:
    """Share of the rows whose confidence is at least `threshold`, and how many of these are right."""
    found, count = calibration.apply_abstain_threshold(*answers, threshold), len(answers.class_indices)
    return {
        "threshold": found.threshold,
        "coverage": describe_share(found.coverage_fraction, count),
        "accuracy": describe_share(found.accuracy_fraction, round(found.coverage_fraction * count)),
    }


if __name__ == "__main__":
    hush_libraries()
    sys.exit(main())
