"""CardData -> the card that travels with a model: GitHub's Markdown, every number from the run itself."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from fer_tfx import contract
from reporting import templates
from reporting.ingestion import IngestionReport
from reporting.intervals import Figure, Share
from reporting.origin import Origin, tell_origin
from reporting.report_data import ClassFigures, Lineage, TrainingFigures

CARD_FILE = "MODEL_CARD.md"
TEMPLATE = "model_card.md"
_TASK = "image-classification"
_METRIC_OF_TITLE = {"macro F1": "f1"}
_DATA_NAME = {Origin.DRAWN: "faces drawn by the pipeline", Origin.FER2013: "FER2013", Origin.OWN: "own data"}
_RIGHTS = {
    Origin.DRAWN: {"license": "apache-2.0"},
    Origin.FER2013: {
        "license": "other",
        "license_name": "kaggle-competition-rules",
        "license_link": "https://www.kaggle.com/c/challenges-in-representation-learning-facial-expression-recognition-challenge/rules",
    },
    Origin.OWN: {"license": "unknown"},
}
_BAR_WIDTH = 50


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
    views: int = 1  # of a picture that the model averages


@dataclass(frozen=True)
class CardData:
    name: str
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
        header=yaml.safe_dump(describe_for_hubs(card), sort_keys=False, allow_unicode=True, width=1000),
        bars=draw_bars(card.figures.classes),
        card=card,
        origin=tell_origin(card.name, card.rows).value,
        class_names=[each.name for each in card.figures.classes],
        contract=contract,
        splits=[split for split in contract.LABELLED_SPLITS if card.rows.split_size(split)],
        settings=json.dumps(_pin(card), indent=1, sort_keys=True),
    )


def describe_for_hubs(card: CardData) -> dict[str, Any]:
    """The header by which hubs such as Hugging Face's sort models; figures that are NaN are left out."""
    accuracy = Figure("accuracy", card.figures.accuracy.value, None, 0)
    measured = [accuracy, *(each for each in card.figures.measured if each.title != accuracy.title)]
    origin = tell_origin(card.name, card.rows)
    result = {
        "task": {"type": _TASK},
        "dataset": {"name": _DATA_NAME[origin], "type": origin.value, "split": contract.EVAL_SPLIT},
        "metrics": [
            {
                "type": _METRIC_OF_TITLE.get(each.title, each.title.partition(",")[0]),
                "name": each.title,
                "value": each.value,
            }
            for each in measured
            if not math.isnan(each.value)
        ],
    }
    return {
        **_RIGHTS[origin],
        "library_name": "fer-tfx",
        "pipeline_tag": _TASK,
        "tags": ["facial-expression-recognition", "emotion-recognition", _TASK, "tensorflow"],
        "datasets": ["fer2013"] if origin is Origin.FER2013 else [],
        "metrics": ["accuracy", "f1"],
        "model-index": [{"name": card.name, "results": [result]}],
    }


def draw_bars(classes: Sequence[ClassFigures]) -> str:
    """Recall of each class as a bar of characters, which every viewer shows: full up to the interval, light within."""
    width = max((len(each.name) for each in classes), default=0)
    return "\n".join(f"{each.name:<{width}} {_draw_bar(each.recall)}".rstrip() for each in classes)


def _draw_bar(share: Share) -> str:
    if not share.count or math.isnan(share.value):
        return "-"
    low, value, high = (round(_BAR_WIDTH * each) for each in (share.low, share.value, share.high))
    bar = "\N{FULL BLOCK}" * low + "\N{DARK SHADE}" * (value - low) + "\N{LIGHT SHADE}" * (high - value)
    return f"{bar:<{_BAR_WIDTH}} {share.value:.3f}"


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
    if not figure.count:
        return "- | - | 0"  # a share of nothing
    interval, is_number = figure.interval, not math.isnan(figure.value)
    range_ = f"{interval.low:.4f} to {interval.high:.4f}" if interval and is_number else "-"
    return f"{format_number(figure.value)} | {range_} | {figure.count:,}"
