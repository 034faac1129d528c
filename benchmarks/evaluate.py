"""A model's figures on FER2013's public test, as one section of a JSON file, and its training curves.

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

from benchmarks.code_version import read_code_version
from benchmarks.command import run_command
from benchmarks.curves import write_curves
from benchmarks.exported_model import Exported, Predict, load_exported
from benchmarks.fer2013 import PublicTest, read_public_test
from benchmarks.figures import (
    Answers,
    describe_abstention,
    describe_accuracy,
    describe_calibration,
    describe_classes,
)
from benchmarks.json_file import read_json_object
from fer_tfx.quiet import hush_libraries
from reporting.corruptions import CORRUPTIONS, corrupt_pixels

SECTIONS = ("budget",)
"""Models that are reported beside the shipped one."""

_SEED = 0  # of the noise


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate and write; the exit code is 0, or that of the error."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = _build_parser().parse_args(given)
    command = shlex.join(["python", "-m", "benchmarks.evaluate", *given])
    return run_command("evaluate", lambda: _evaluate_into_file(options, command))


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evaluate", description=__doc__.splitlines()[0])
    parser.add_argument("--model", metavar="DIR", required=True, type=Path, help="the SavedModel")
    parser.add_argument("--data", metavar="FOLDER", required=True, type=Path, help="the competition's files")
    parser.add_argument("--out", metavar="FILE", required=True, type=Path, help="the JSON file; curves go beside it")
    parser.add_argument("--section", choices=SECTIONS, help="the section to fill (default: the top level)")
    parser.add_argument(
        "--train-command", metavar="TEXT", help="the command that trained the model, to be kept with it"
    )
    return parser


def _evaluate_into_file(options: argparse.Namespace, command: str) -> None:
    remedy = "give --out another file or mend it"
    existing = read_json_object(options.out, remedy) if options.out.exists() else {}
    exported = load_exported(options.model)
    figures = evaluate(exported, read_public_test(options.data))
    curves = options.out.with_name(f"curves-{options.section}.png" if options.section else "curves.png")
    section = {
        **figures,
        "curves": curves.name,
        "command": command,
        "train_command": options.train_command,
        **read_code_version(),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_curves(exported.record["history"], f"FER2013, {options.section or 'shipped'} model", curves)
    merged = merge_section(existing, options.section, section)
    options.out.write_text(json.dumps(merged, indent=1) + "\n", "utf-8")
    print(summarise(section))


def merge_section(existing: dict[str, Any], name: str | None, section: dict[str, Any]) -> dict[str, Any]:
    """The file's new content: the section `name` replaced, or, without a name, all but the named sections."""
    if name:
        return {**existing, name: section}
    return {**section, **{each: existing[each] for each in SECTIONS if each in existing}}


def evaluate(exported: Exported, test: PublicTest) -> dict[str, Any]:
    """All figures of one model; the ones that are looked for stand at the top, with their numbers of rows."""
    answers = Answers(exported.predict(test.pixels), test.class_indices)
    classes = describe_classes(answers)
    calibration = describe_calibration(answers, exported.calibration["temperature"])
    return {
        **_describe_training(exported.record),
        **_describe_headline(classes, calibration),
        "accuracy": _describe_accuracies(exported.predict, answers, test),
        "classes": classes,
        "calibration": calibration,
        "abstain": describe_abstention(answers, exported.calibration["abstain_threshold"]),
        "robustness": _describe_robustness(exported.predict, answers, test),
        "configuration": {
            key: exported.record[key] for key in ("model", "trainer", "export") if key in exported.record
        },
        "code": exported.record["code"],
    }


def _describe_training(record: dict[str, Any]) -> dict[str, Any]:
    """Wall time is that of the epochs that count: what a killed run had begun again is not in it."""
    history = record["history"]
    return {
        "parameters": record["parameters"],
        "epochs": len(history),
        "train_wall_seconds": round(sum(epoch["seconds"] for epoch in history), 1),
        "train_wall_seconds_n": len(history),
    }


def _describe_headline(classes: dict[str, Any], calibration: dict[str, Any]) -> dict[str, Any]:
    headline = {
        "public_accuracy": classes["accuracy"],
        "macro_f1": classes["macro_f1"],
        "ece_before": calibration["before"]["ece"],
        "ece_after": calibration["after"]["ece"],
    }
    return {
        key: value for name, figure in headline.items() for key, value in [(name, figure), (f"{name}_n", classes["n"])]
    }


def _describe_accuracies(predict: Predict, answers: Answers, test: PublicTest) -> dict[str, Any]:
    """On all rows, on the clean and the leaked ones, and averaged with the mirror image."""
    mirrored = predict(test.pixels[:, :, ::-1])
    averaged = Answers((answers.probabilities + mirrored) / 2, answers.class_indices)
    return {
        "all_rows": describe_accuracy(answers),
        "clean_rows": describe_accuracy(answers.select(test.is_clean)),
        "leaked_rows": describe_accuracy(answers.select(~test.is_clean)),
        "flip_averaged": describe_accuracy(averaged),
        "flip_averaged_clean_rows": describe_accuracy(averaged.select(test.is_clean)),
        "largest_change_by_flip": float(abs(answers.probabilities - mirrored).max()),
    }


def _describe_robustness(predict: Predict, answers: Answers, test: PublicTest) -> dict[str, Any]:
    """By corruption: accuracy, and its share of the accuracy on pictures as they are."""
    clean = float(answers.is_right.mean())
    figures = {}
    for name in CORRUPTIONS:
        accuracy = describe_accuracy(Answers(predict(corrupt_pixels(name, test.pixels, _SEED)), test.class_indices))
        figures[name] = {**accuracy, "relative": accuracy["value"] / clean if clean else None}
    return figures


def summarise(section: dict[str, Any]) -> str:
    """The headline as a few lines of text."""
    accuracy, calibration = section["accuracy"], section["calibration"]
    lines = [
        f"accuracy {_show(accuracy['all_rows'])}, clean rows {_show(accuracy['clean_rows'])},"
        f" flip averaged {_show(accuracy['flip_averaged'])}",
        f"macro F1 {section['macro_f1']:.4f}; ECE {section['ece_before']:.4f} before temperature"
        f" {calibration['temperature']:.3f}, {section['ece_after']:.4f} after",
        *(f"{name} {_show(figure)}" for name, figure in section["robustness"].items()),
    ]
    return "\n".join(lines)


def _show(share: dict[str, float | int]) -> str:
    return f"{share['value']:.4f} [{share['low']:.4f}, {share['high']:.4f}] (n = {share['n']})"


if __name__ == "__main__":
    hush_libraries()
    sys.exit(main())
