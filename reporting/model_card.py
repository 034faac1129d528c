"""CardData -> the card that travels with a model: Markdown as GitHub has it, every number from the run itself."""

import json
import math
import re
from dataclasses import dataclass
from typing import Any

import jinja2

from fer_tfx.contract import (
    ABSTAIN_KEY,
    CLASS_INDEX_KEY,
    CLASS_NAME_KEY,
    CLASS_NAMES,
    CONFIDENCE_KEY,
    INPUT_OF_SIGNATURE,
    LABELLED_SPLITS,
    PROBABILITIES_KEY,
    SERVE_EXAMPLES,
    SERVE_IMAGES,
    SERVE_PIXELS,
)
from reporting import card_texts, templates
from reporting.ingestion import IngestionReport
from reporting.intervals import Interval
from reporting.report_data import Lineage, Share, TrainingFigures

CARD_FILE = "MODEL_CARD.md"
_TEMPLATE = "model_card.md"
_INPUTS = {
    SERVE_EXAMPLES: "serialised `tf.Example` with `pixels`, 2,304 bytes",
    SERVE_PIXELS: "uint8 (n, 48, 48, 1) or (n, 48, 48)",
    SERVE_IMAGES: "PNG or JPEG, any size and colour, the face cut out",
}
_OUTPUTS = {
    PROBABILITIES_KEY: "(n, 7), calibrated, in label order",
    CLASS_INDEX_KEY: "(n,), of the largest",
    CLASS_NAME_KEY: "(n, 1)",
    CONFIDENCE_KEY: "(n,), the largest probability",
    ABSTAIN_KEY: "(n,), whether the confidence is below the threshold",
}


@dataclass(frozen=True)
class ClassRates:
    """How well one class is told apart."""

    name: str
    recall: Share
    """Of the rows of the class those that were predicted as it."""
    precision: Share
    """Of the rows that were predicted as the class those that are of it."""


@dataclass(frozen=True)
class AccuracyChange:
    """Accuracy minus that of the baseline on the same rows."""

    difference: float
    interval: Interval
    """95 %, paired."""


@dataclass(frozen=True)
class CardFigures:
    """What the Evaluator measured on the eval split. What can't be told of a model that answers NaN is NaN."""

    accuracy: Share
    macro_f1: float
    calibration_error: float
    """Over 15 bins, 0-1."""
    calibration_interval: Interval
    """95 %."""
    nll: float
    """In nats."""
    brier: float
    classes: tuple[ClassRates, ...]
    """In class order."""
    confusion: tuple[tuple[int, ...], ...]
    """Numbers of rows by true class, then by predicted class."""
    corrupted: dict[str, Share]
    """Accuracy on the same rows by what makes their pictures worse; empty: it was not measured."""
    change: AccuracyChange | None
    """None: there was no baseline."""


@dataclass(frozen=True)
class Confidence:
    """What the export learned about its confidence; see `models.calibration`."""

    temperature: float
    threshold: float
    """Least confidence at which the model should answer."""
    coverage: Share
    """Of the rows those with at least that confidence."""
    accuracy: Share
    """Of the rows that are kept those that are right."""


@dataclass(frozen=True)
class CardData:
    """All that a card says of one model."""

    name: str
    """Of the run."""
    is_drawn: bool
    """Whether the model saw schematic faces in place of data."""
    refusals: tuple[str, ...]
    """Why a gate refused the model; empty: none did."""
    rows: IngestionReport
    training: TrainingFigures
    figures: CardFigures
    confidence: Confidence
    lineage: Lineage


def render_card(card: CardData) -> str:
    """The whole card. What comes from data or settings stands in code spans and can't become mark-up."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters |= {
        "code": format_code, "number": format_number, "cells": format_cells, "interval": format_interval,
        "count": "{:,}".format, "indented": lambda text: text.replace("\n", "\n  "),
    }  # fmt: skip
    return environment.from_string(templates.read_template(_TEMPLATE)).render(
        card=card,
        texts=card_texts,
        class_names=CLASS_NAMES,
        splits=[split for split in LABELLED_SPLITS if card.rows.split_size(split)],
        settings=json.dumps(_pin(card), indent=1, sort_keys=True),
        inputs=[(signature, INPUT_OF_SIGNATURE[signature], text) for signature, text in _INPUTS.items()],
        outputs=_OUTPUTS,
    )


def _pin(card: CardData) -> dict[str, Any]:
    """The settings, with what `auto` and 0 came to: on another machine they would come to something else."""
    settings, training = card.lineage.settings, card.training
    pinned: dict[str, Any] = {"precision": training.precision}
    if len(set(training.threads)) == 1:
        pinned["threads"] = training.threads[0]
    return {**settings, "trainer": {**settings["trainer"], **pinned}} if "trainer" in settings else settings


def compute_template_digest() -> str:
    """First 16 digits of the template's SHA-256."""
    return templates.compute_digest(_TEMPLATE)


def format_code(text: object) -> str:
    """A text as a code span, where Markdown knows no mark-up, links or HTML; also within a table.

    What can't be printed, line breaks among it, becomes its escape. A bar gets the backslash that tables ask for
    (GitHub Flavored Markdown, 4.10). The fence is longer than any run of backticks within (CommonMark, 6.1).
    """
    shown = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in str(text))
    if not shown.strip():
        return ""
    fence = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    padding = " " if "`" in (shown[0], shown[-1]) else ""
    return f"{fence}{padding}{shown}{padding}{fence}".replace("|", "\\|")


def format_number(value: float, sign: str = "") -> str:
    """0.68006 -> 0.6801; with the sign "+" +0.6801; NaN if it is none."""
    return "NaN" if math.isnan(value) else f"{value:{sign}.4f}"


def format_interval(bounds: Interval | Share) -> str:
    """0.0061 to 0.0434; a dash if they are NaN."""
    return "-" if math.isnan(bounds.low) else f"{bounds.low:.4f} to {bounds.high:.4f}"


def format_cells(share: Share) -> str:
    """0.6801 | 0.6647 to 0.6952 | 3,589: a share, its interval and its rows as three cells of a table."""
    interval = "-" if math.isnan(share.fraction) else format_interval(share)
    return f"{format_number(share.fraction)} | {interval} | {share.count:,}"
