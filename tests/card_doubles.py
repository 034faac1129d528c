"""A card made by hand: twelve eval rows, seven classes, a pushed model with a baseline."""

import dataclasses
import math
from typing import Any

from configs.progress import EpochMetrics
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from reporting.ingestion import IngestionReport
from reporting.intervals import Figure, Interval, Share, wilson_interval
from reporting.model_card import CardData, CardFigures, Confidence
from reporting.report_data import ClassFigures, Lineage, TrainedSpan, TrainingFigures, UsedArtifact

HOSTILE = (
    "a|b\n\n# c `d` ``e`` <script>alert('x')</script> [f](http://evil.example) www.evil.example me@evil.example \u202e"
)
FIGURES = CardFigures(
    accuracy=Share.of(7 / 12, 12),
    measured=(
        Figure("accuracy", 7 / 12, wilson_interval(7 / 12, 12), 12),
        Figure("macro F1", 0.54762, None, 12),
        Figure("expected calibration error, 15 bins", 0.03125, Interval(0.0125, 0.0625), 12),
        Figure("Brier score", 0.5, None, 12),
    ),
    classes=tuple(ClassFigures(name, Share.of(0.5, 4), Share.of(1.0, 2), 0.5) for name in DEFAULT_CLASS_NAMES),
    confusion=tuple(tuple(1000 * row + column for column in range(7)) for row in range(7)),
    corrupted={"blurred": Share.of(0.25, 12)},
    change=Figure("accuracy", 0.0125, Interval(-0.01, 0.035), 12),
)


def make_card(**changes: Any) -> CardData:
    """The whole card, fields of `CardData` changed as asked for."""
    card = CardData(
        name="fer",
        refusals=(),
        rows=IngestionReport(
            read={"fer.csv": 1_250}, emitted={"train": {"happy": 1_000, "sad": 200}, "eval": {"happy": 12}},
            dropped={"repeat within train": 37}, quarantined={"unknown label": 1}, conflicting_pictures=59,
            skipped_files={"notes.txt": "no CSV"},
        ),
        training=TrainingFigures((EpochMetrics(1, 1.9, 0.2, 1.7, 0.3, 0.1, 4.0),) * 2, 123_456, "float32", 1_200),
        figures=FIGURES,
        confidence=Confidence(1.25, 0.55, Share.of(0.5, 12), Share.of(1.0, 6)),
        lineage=Lineage(
            "split:labelled,num_files:1", {"Trainer": "0123abcd"}, {"tensorflow": "2.16.2"},
            {"name": "fer", "trainer": {"epochs": 2}}, (UsedArtifact("model", "Model", 5, "/model/5"),),
        ),
    )  # fmt: skip
    return dataclasses.replace(card, **changes)


def make_hostile_card() -> CardData:
    """A card in which every text that a run brings along is `HOSTILE`."""
    return make_card(
        name=HOSTILE,
        refusals=(HOSTILE,),
        rows=IngestionReport(
            {HOSTILE: 2}, {"train": {"happy": 1}, HOSTILE: {"": 1}}, {HOSTILE: 1}, {HOSTILE: 1}, {HOSTILE: 1}, 0,
            {HOSTILE: HOSTILE},
        ),
        training=TrainingFigures(
            (), 1, HOSTILE, 1, threads=(2,), device=HOSTILE, spans=(TrainedSpan(3, 1), TrainedSpan(4, 1, HOSTILE))
        ),
        lineage=Lineage(
            HOSTILE, {HOSTILE: HOSTILE}, {HOSTILE: HOSTILE}, {HOSTILE: {HOSTILE: [HOSTILE]}},
            (UsedArtifact(HOSTILE, HOSTILE, 5, HOSTILE),),
        ),
    )  # fmt: skip


def make_nan_card() -> CardData:
    """A card of a model that answers NaN."""
    share = Share.of(math.nan, 12)
    nothing = Interval(math.nan, math.nan)
    classes = tuple(ClassFigures(name, share, share, math.nan) for name in DEFAULT_CLASS_NAMES)
    measured = tuple(
        dataclasses.replace(each, value=math.nan, interval=each.interval and nothing) for each in FIGURES.measured
    )
    change = Figure("accuracy", math.nan, nothing, 12)
    figures = dataclasses.replace(FIGURES, accuracy=share, measured=measured, classes=classes, change=change)
    return make_card(figures=figures, refusals=("negative log-likelihood is nan, at most 88.0000",))
