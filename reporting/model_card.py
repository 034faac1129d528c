"""CardData -> the card that travels with a model: GitHub's Markdown, every number from the run itself."""

import json
import math
import re
from dataclasses import dataclass
from typing import Any

from fer_tfx import contract
from reporting import templates
from reporting.ingestion import IngestionReport
from reporting.intervals import Figure, Share
from reporting.report_data import ClassFigures, Lineage, TrainingFigures

CARD_FILE = "MODEL_CARD.md"
TEMPLATE = "model_card.md"


@dataclass(frozen=True)
class CardFigures:
    """What the Evaluator measured on the eval split. Figures of a model that answers NaN are NaN."""

    accuracy: Share
    measured: tuple[Figure, ...]
    classes: tuple[ClassFigures, ...]
    confusion: tuple[tuple[int, ...], ...]  # numbers of rows by true class, then by predicted class
    corrupted: dict[str, Share]  # accuracy on the same rows by how their pictures were corrupted; may be empty
    change: Figure | None  # accuracy minus the anchor's on the same rows, with its paired 99 % interval


@dataclass(frozen=True)
class Confidence:
    """What the export learned about its confidence; see `models.calibration`."""

    temperature: float
    threshold: float  # least confidence at which the model should answer
    coverage: Share  # rows with at least that confidence
    accuracy: Share  # those of them that are right


@dataclass(frozen=True)
class CardData:
    name: str
    is_drawn: bool  # whether the model saw schematic faces instead of data
    refusals: tuple[str, ...]
    rows: IngestionReport
    training: TrainingFigures
    figures: CardFigures
    confidence: Confidence
    lineage: Lineage


def render_card(card: CardData) -> str:
    """The whole card. What comes from data or settings is put in code spans and can't become mark-up."""
    filters = {
        "code": format_code, "number": format_number, "cells": format_cells,
        "indented": lambda text: text.replace("\n", "\n  "),
    }  # fmt: skip
    return templates.render(
        TEMPLATE,
        filters,
        is_html=False,
        card=card,
        class_names=[each.name for each in card.figures.classes],
        contract=contract,
        splits=[split for split in contract.LABELLED_SPLITS if card.rows.split_size(split)],
        settings=json.dumps(_pin(card), indent=1, sort_keys=True),
    )


def _pin(card: CardData) -> dict[str, Any]:
    """The settings, with what `auto` and 0 resolved to on the machine that trained."""
    settings, training = card.lineage.settings, card.training
    pinned: dict[str, Any] = {"precision": training.precision}
    if len(set(training.threads)) == 1:
        pinned["threads"] = training.threads[0]
    return {**settings, "trainer": {**settings["trainer"], **pinned}} if "trainer" in settings else settings


def format_code(text: object) -> str:
    """A text as a code span, in which Markdown ignores mark-up, links and HTML; also within a table.

    Unprintable characters are escaped. A bar gets the backslash that tables need (GitHub Flavored Markdown, 4.10).
    The fence is longer than any run of backticks within (CommonMark, 6.1).
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


def format_cells(figure: Figure | Share) -> str:
    """0.6801 | 0.6647 to 0.6952 | 3,589: a figure, its interval, or a dash, and its rows as three cells of a table."""
    interval, is_number = figure.interval, not math.isnan(figure.value)
    range_ = f"{interval.low:.4f} to {interval.high:.4f}" if interval and is_number else "-"
    return f"{format_number(figure.value)} | {range_} | {figure.count:,}"
