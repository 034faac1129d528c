"""Measured figures -> the shipped model's card. Every number comes from metrics.json, the run or the files."""

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from benchmarks.card_texts import DATA_NOTES, INTRODUCTION, LICENCE, LIMITS, USE
from fer_tfx.contract import CLASS_NAMES, EVAL_SPLIT, TEST_SPLIT, TRAIN_SPLIT
from fer_tfx.errors import DataError
from reporting.ingestion import IngestionReport

_PACKAGES = ("tensorflow", "keras", "tfx", "numpy")
Metrics = dict[str, Any]


@dataclass(frozen=True)
class Subject:
    """What the card is about, besides its figures."""

    model_version: str
    """Name of the pushed folder."""
    size_bytes: int
    digests: dict[str, str]
    """SHA-256 by file of the pushed model."""
    rows: IngestionReport
    versions: dict[str, str]


def describe_versions() -> dict[str, str]:
    """Versions of what exports and runs the model, by name."""
    return {"Python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}


def look_up(metrics: Metrics, *keys: str) -> Any:
    """The value at the end of a path of keys. Raises DataError if it is not there or is null."""
    value: Any = metrics
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
        if value is None:
            raise DataError(f"metrics: no `{'.'.join(keys)}` in it; write it anew with `python -m benchmarks.evaluate`")
    return value


def render_card(metrics: Metrics, subject: Subject) -> str:
    """The whole card, as Markdown.

    Raises:
        DataError: a figure is missing.
    """
    sections = [
        INTRODUCTION,
        _list_facts(metrics, subject),
        USE,
        _describe_data(subject.rows),
        _tabulate_metrics(metrics),
        _tabulate_classes(metrics),
        _tabulate_calibration(metrics),
        _describe_abstention(metrics),
        _tabulate_robustness(metrics),
        LIMITS,
        LICENCE,
        _describe_origin(metrics, subject),
    ]
    return "\n\n".join(section.rstrip("\n") for section in sections) + "\n"


def _list_facts(metrics: Metrics, subject: Subject) -> str:
    classes = ", ".join(f"{index} {name}" for index, name in enumerate(CLASS_NAMES))
    return "\n".join(
        [
            f"- **Network**: {look_up(metrics, 'parameters'):,} parameters, trained from scratch;"
            f" {subject.size_bytes:,} bytes as a SavedModel",
            f"- **Label order**: {classes}",
            f"- **Public test**: {_show(metrics, 'accuracy', 'all_rows')} right",
            f"- **Version**: {subject.model_version}",
        ]
    )


def _describe_data(rows: IngestionReport) -> str:
    splits = ", ".join(f"{split} {rows.split_size(split):,}" for split in (TRAIN_SPLIT, EVAL_SPLIT, TEST_SPLIT))
    dropped = ", ".join(f"{count:,} {reason}" for reason, count in sorted(rows.dropped.items())) or "none"
    quarantined = ", ".join(f"{count:,} {reason}" for reason, count in sorted(rows.quarantined.items())) or "none"
    return f"""\
## Data

FER2013, 48 x 48 grey. Of {rows.rows_read:,} rows read by the run {rows.rows_emitted:,} were used ({splits}).

- **Duplicates**, dropped from train: {dropped}. Pictures that carry more than one label: {rows.conflicting_pictures:,}.
- **Filter**: rows that can't be parsed are set aside: {quarantined}. Blank pictures and pictures without a face stay
  in unless they are repeats.
{DATA_NOTES}"""


def _tabulate_metrics(metrics: Metrics) -> str:
    names = {
        "all_rows": "all rows",
        "clean_rows": "clean rows: the picture stands nowhere in the training file",
        "leaked_rows": "leaked rows: the same picture stands in the training file",
        "flip_averaged": "all rows, averaged with the mirror image",
        "flip_averaged_clean_rows": "clean rows, averaged with the mirror image",
    }
    return "\n".join(
        [
            "## Metrics\n",
            "On the public test, which was never trained on; 95 % intervals by Wilson's score.\n",
            *_table(
                ["accuracy", "value", "95 % interval", "n"],
                ([text, *_cells(metrics, "accuracy", name)] for name, text in names.items()),
            ),
            "",
            f"Macro F1 {look_up(metrics, 'macro_f1'):.4f} (n = {look_up(metrics, 'macro_f1_n'):,}), balanced accuracy"
            f" {look_up(metrics, 'classes', 'balanced_accuracy'):.4f} (n = {look_up(metrics, 'classes', 'n'):,}).",
        ]
    )


def _tabulate_classes(metrics: Metrics) -> str:
    confusion = look_up(metrics, "classes", "confusion")
    if len(confusion) != len(CLASS_NAMES):
        raise DataError(f"metrics: `classes.confusion` has {len(confusion)} rows, expected {len(CLASS_NAMES)}")
    recalls = ([name, *_cells(metrics, "classes", "recall", name)] for name in CLASS_NAMES)
    counts = ([name, *(f"{count:,}" for count in row)] for name, row in zip(CLASS_NAMES, confusion, strict=True))
    return "\n".join(
        [
            "### By class\n",
            *_table(["class", "recall", "95 % interval", "n"], recalls),
            "\nConfusion, rows are the labels:\n",
            *_table(["", *CLASS_NAMES], counts),
        ]
    )


def _tabulate_calibration(metrics: Metrics) -> str:
    rows = ([f"{when} temperature", *_describe_trust(metrics, when)] for when in ("before", "after"))
    return "\n".join(
        [
            "### Calibration\n",
            f"The graph divides its logits by {look_up(metrics, 'calibration', 'temperature'):.4f}, fitted on the run's"
            " eval split. ECE has 15 bins.\n",
            *_table(["", "ECE", "NLL", "Brier", "n"], rows),
        ]
    )


def _describe_trust(metrics: Metrics, when: str) -> list[str]:
    measures = [f"{look_up(metrics, 'calibration', when, measure):.4f}" for measure in ("ece", "nll", "brier")]
    return [*measures, f"{look_up(metrics, 'calibration', when, 'n'):,}"]


def _describe_abstention(metrics: Metrics) -> str:
    return f"""\
### Abstaining

`fer-tfx predict --abstain` says `unsure` below a confidence of {look_up(metrics, "abstain", "threshold"):.4f}, the
threshold that the eval split gave. On the public test this keeps {_show(metrics, "abstain", "coverage")} of the
pictures, of which {_show(metrics, "abstain", "accuracy")} are right."""


def _tabulate_robustness(metrics: Metrics) -> str:
    rows = (
        [f"`{name}`", *_cells(metrics, "robustness", name), f"{look_up(metrics, 'robustness', name, 'relative'):.3f}"]
        for name in look_up(metrics, "robustness")
    )
    return "\n".join(
        [
            "### Worse pictures\n",
            "Defined in `reporting/corruptions.py`; *relative* is the share of the accuracy on pictures as such.\n",
            *_table(["corruption", "accuracy", "95 % interval", "n", "relative"], rows),
        ]
    )


def _describe_origin(metrics: Metrics, subject: Subject) -> str:
    changed = " with uncommitted changes" if metrics.get("git_is_changed") else ""
    seconds = look_up(metrics, "train_wall_seconds")
    versions = ", ".join(f"{name} {number}" for name, number in subject.versions.items())
    digests = ([f"`{name}`", f"`{digest}`"] for name, digest in subject.digests.items())
    return "\n".join(
        [
            "## Cost and origin\n",
            f"- **Training**: {seconds:,.0f} s of wall time ({seconds / 3600:.1f} h) on CPU for"
            f" {look_up(metrics, 'epochs'):,} epochs. Energy was not measured.",
            f"- **Command**: `{metrics.get('train_command') or 'not recorded'}`",
            f"- **Figures**: `{look_up(metrics, 'command')}`",
            f"- **Code**: training {look_up(metrics, 'code')}, evaluation {metrics.get('git_commit')}{changed}",
            f"- **Versions**: {versions}\n",
            *_table(["file", "SHA-256"], digests),
        ]
    )


def _table(titles: list[str], rows: Iterator[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(titles)} |"
    yield "|" + "---|" * len(titles)
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _cells(metrics: Metrics, *keys: str) -> list[str]:
    value, low, high, count = (look_up(metrics, *keys, key) for key in ("value", "low", "high", "n"))
    return [f"{value:.4f}", f"{low:.4f} to {high:.4f}", f"{count:,}"]


def _show(metrics: Metrics, *keys: str) -> str:
    value, interval, count = _cells(metrics, *keys)
    return f"{value} (95 % interval {interval}, n = {count})"
