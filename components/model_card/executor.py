"""Reads what the other components left and writes the card; no model is loaded."""

import dataclasses
import json
import os
from typing import Any

from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from components.artifacts import CARD_KEY
from components.data_figures import Artifacts, read_rows
from components.metrics.accuracy_change import read_change
from components.metrics.base import Values
from components.metrics.evaluation import read_confusion, read_figures, read_metrics, read_robustness
from components.metrics.rows import Accuracy, ExampleCount
from components.model_facts import describe_lineage, read_extra, read_training
from components.refusals import read_refusals
from fer_tfx.contract import CALIBRATION_FILE, LABEL_KEY, THRESHOLD_KEY, TRAINING_RECORD_FILE
from reporting.corruptions import DESCRIPTIONS
from reporting.evaluation import describe_classes
from reporting.intervals import Figure, Interval, Share
from reporting.model_card import CARD_FILE, CardData, CardFigures, Confidence, render_card
from schema.drawn_faces import is_drawn_name


class Executor(base_executor.BaseExecutor):  # type: ignore[misc]
    """Passes plain figures to `reporting`, which knows no TensorFlow."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Write `MODEL_CARD.md`."""
        self._log_startup(input_dict, output_dict, exec_properties)
        card = collect(input_dict, json.loads(exec_properties["settings"]), json.loads(exec_properties["stage_code"]))
        path = os.path.join(artifact_utils.get_single_uri(output_dict[CARD_KEY]), CARD_FILE)
        io_utils.write_string_file(path, render_card(card))


def collect(inputs: Artifacts, settings: dict[str, Any], stage_code: dict[str, str]) -> CardData:
    """All that the card says.

    Args:
        inputs: by the keys of `ModelCardSpec`.
        settings: of the run, by section.
        stage_code: fingerprint of the sources by component.
    """
    model_dir = path_utils.serving_model_path(artifact_utils.get_single_uri(inputs["model"]))
    calibration, record = (read_extra(model_dir, name) for name in (CALIBRATION_FILE, TRAINING_RECORD_FILE))
    rows = read_rows(artifact_utils.get_single_uri(inputs["quarantine"]))
    return CardData(
        name=settings["name"],
        is_drawn=is_drawn_name(settings["name"]),
        refusals=read_refusals(inputs),
        rows=rows,
        training=read_training(record, rows),
        figures=collect_figures(artifact_utils.get_single_uri(inputs["evaluation"])),
        confidence=read_confidence(calibration),
        lineage=describe_lineage(inputs, settings, record, stage_code),
    )


def collect_figures(evaluation: str) -> CardFigures:
    """What the Evaluator measured, from the URI of its evaluation."""
    metrics, confusion = read_metrics(evaluation), read_confusion(evaluation)
    overall = metrics[()]
    accuracy, change = _read_accuracy(overall), read_change(overall)
    classes = describe_classes(confusion)
    return CardFigures(
        accuracy=accuracy,
        measured=read_figures(evaluation),
        # The accuracy within one true class is its recall, NaN for a model that answers NaN.
        classes=tuple(
            dataclasses.replace(each, recall=_read_accuracy(metrics.get(((LABEL_KEY, index),), {})))
            for index, each in enumerate(classes)
        ),
        confusion=tuple(map(tuple, confusion.tolist())),
        corrupted={
            DESCRIPTIONS[name]: Share.of(value, accuracy.count) for name, value in read_robustness(evaluation).items()
        },
        change=Figure("accuracy", change[0], Interval(*change[1:]), accuracy.count) if change else None,
    )


def read_confidence(calibration: dict[str, Any]) -> Confidence:
    """What `assets.extra/calibration.json` holds, with intervals."""
    count, coverage = calibration["n"], calibration["coverage"]
    return Confidence(
        temperature=calibration["temperature"],
        threshold=calibration[THRESHOLD_KEY],
        coverage=Share.of(coverage, count),
        accuracy=Share.of(calibration["abstain_accuracy"], round(coverage * count)),
    )


def _read_accuracy(values: Values) -> Share:
    """Of the rows of a slice; a class without rows has no slice."""
    return Share.of(values.get(Accuracy.NAME, 0.0), int(values.get(ExampleCount.NAME, 0)))
