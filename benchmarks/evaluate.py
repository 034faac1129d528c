"""A model's figures on FER2013's public test, as one section of a JSON file.

    python -m benchmarks.evaluate --model runs/fer/serving/1 --data FOLDER --out benchmarks/results/fer2013/metrics.json

`--section budget` fills that section of the file; without it the top level is filled and such sections stay.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness.command import make_parser, read_code_version, read_json_object, render, run_command
from benchmarks.model import figures
from benchmarks.model.exported import Exported, Predict, load_exported, sum_training_seconds
from benchmarks.model.fer2013 import PublicTest, read_public_test
from fer_tfx.quiet import hush_libraries
from reporting.corruptions import CORRUPTIONS, corrupt_pixels

SECTIONS = ("budget",)  # models that are reported beside the shipped one


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate and write; the exit code is 0, or that of the error."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    parser = make_parser("evaluate", __doc__)
    parser.add_argument("--model", metavar="DIR", required=True, type=Path, help="the SavedModel")
    parser.add_argument("--data", metavar="FOLDER", required=True, type=Path, help="the competition's files")
    parser.add_argument("--out", metavar="FILE", required=True, type=Path, help="the JSON file")
    parser.add_argument("--section", choices=SECTIONS, help="the section to fill (default: the top level)")
    parser.add_argument(
        "--train-command", metavar="TEXT", help="the command that trained the model, to be kept with it"
    )
    options = parser.parse_args(given)
    command = shlex.join(["python", "-m", "benchmarks.evaluate", *given])
    return run_command("evaluate", lambda: _evaluate_into_file(options, command))


def _evaluate_into_file(options: argparse.Namespace, command: str) -> None:
    existing = read_json_object(options.out, "fix it or give --out another file") if options.out.exists() else {}
    exported = load_exported(options.model)
    test = read_public_test(options.data)
    section = {
        **evaluate(exported, test),
        "command": command,
        "train_command": options.train_command,
        **read_code_version(),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    merged = merge_section(existing, options.section, section)
    options.out.write_text(json.dumps(merged, indent=1) + "\n", "utf-8")
    print(render("evaluation.md", **section), end="")


def merge_section(existing: dict[str, Any], name: str | None, section: dict[str, Any]) -> dict[str, Any]:
    """The file's new content: the section `name` replaced, or, without a name, all but the named sections."""
    if name:
        return {**existing, name: section}
    return {**section, **{each: existing[each] for each in SECTIONS if each in existing}}


def evaluate(exported: Exported, test: PublicTest) -> dict[str, Any]:
    """All figures of one model; the most wanted are at the top, with their numbers of rows."""
    answers = figures.Answers(exported.predict(test.pixels), test.class_indices)
    record = exported.record
    classes = figures.describe_classes(answers)
    calibration = figures.describe_calibration(answers, exported.calibration["temperature"])
    headline = {"public_accuracy": classes["accuracy"], "macro_f1": classes["macro_f1"]}
    headline |= {f"ece_{when}": calibration[when]["ece"] for when in ("before", "after")}
    epoch_count = len(record["history"])
    return {
        "parameters": record["parameters"],
        "epochs": epoch_count,
        "train_wall_seconds": sum_training_seconds(record),
        "train_wall_seconds_n": epoch_count,
        **headline,
        **{f"{key}_n": classes["n"] for key in headline},
        "accuracy": _describe_accuracies(exported.predict, answers, test),
        "classes": classes,
        "calibration": calibration,
        "abstain": figures.describe_abstention(answers, exported.calibration["abstain_threshold"]),
        "robustness": _describe_robustness(exported.predict, answers, test),
        "configuration": {key: record[key] for key in ("model", "trainer", "export") if key in record},
        "code": record["code"],
    }


def _describe_accuracies(predict: Predict, answers: figures.Answers, test: PublicTest) -> dict[str, Any]:
    """On all rows, on the clean and the leaked ones, and averaged with the mirror image."""
    mirrored = predict(test.pixels[:, :, ::-1])
    averaged = figures.Answers((answers.probabilities + mirrored) / 2, answers.class_indices)
    return {
        "all_rows": figures.describe_accuracy(answers),
        "clean_rows": figures.describe_accuracy(answers.select(test.is_clean)),
        "leaked_rows": figures.describe_accuracy(answers.select(~test.is_clean)),
        "flip_averaged": figures.describe_accuracy(averaged),
        "flip_averaged_clean_rows": figures.describe_accuracy(averaged.select(test.is_clean)),
        "largest_change_by_flip": float(abs(answers.probabilities - mirrored).max()),
    }


def _describe_robustness(predict: Predict, answers: figures.Answers, test: PublicTest) -> dict[str, Any]:
    """By corruption: accuracy, and its share of the accuracy on pictures as they are."""
    clean, found = float(answers.is_right.mean()), {}
    for name in CORRUPTIONS:
        accuracy = figures.describe_accuracy(
            figures.Answers(predict(corrupt_pixels(name, test.pixels)), test.class_indices)
        )
        found[name] = {**accuracy, "relative": accuracy["value"] / clean if clean else None}
    return found


if __name__ == "__main__":
    hush_libraries()
    sys.exit(main())
