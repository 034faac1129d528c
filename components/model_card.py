"""ModelCard: the card that travels with a model: use, data, figures, limits, and how to reproduce it."""

import dataclasses
import json
import os
from collections.abc import Sequence
from typing import Any

from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import Examples, InfraBlessing, Model, ModelBlessing, ModelEvaluation
from tfx.utils import io_utils, path_utils

from components.artifacts import CARD_KEY, Artifacts, Card, Component, Quarantine, declare
from components.data_figures import read_rows
from components.metrics.accuracy_change import read_change
from components.metrics.base import Values
from components.metrics.evaluation import read_confusion, read_figures, read_metrics, read_robustness
from components.metrics.rows import Accuracy, ExampleCount
from components.model_facts import describe_lineage, read_class_names, read_extras, read_refusals, read_training
from fer_tfx.contract import LABEL_KEY, THRESHOLD_KEY, VIEWS_KEY
from reporting.corruptions import DESCRIPTIONS
from reporting.evaluation import describe_classes
from reporting.intervals import Figure, Interval, Share
from reporting.model_card import CARD_FILE, CardData, CardFigures, Confidence, render_card


class Executor(BaseExecutor):  # type: ignore[misc]
    """Passes plain figures to `reporting`, which knows no TensorFlow."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        settings, stage_code = (json.loads(exec_properties[key]) for key in ("settings", "stage_code"))
        model, quarantine, evaluation = (
            artifact_utils.get_single_uri(input_dict[key]) for key in ("model", "quarantine", "evaluation")
        )
        model_dir = path_utils.serving_model_path(model)
        calibration, record = read_extras(model_dir)
        rows = read_rows(quarantine)
        card = CardData(
            name=settings["name"],
            refusals=read_refusals(input_dict),
            rows=rows,
            training=read_training(record, rows),
            figures=collect_figures(evaluation, read_class_names(model_dir)),
            confidence=read_confidence(calibration),
            lineage=describe_lineage(input_dict, settings, record, stage_code),
        )
        path = os.path.join(artifact_utils.get_single_uri(output_dict[CARD_KEY]), CARD_FILE)
        io_utils.write_string_file(path, render_card(card))


class ModelCard(Component):
    """Writes `MODEL_CARD.md`, which Pusher puts beside the graph, whether the model passed the gates or was refused.

    Takes the `settings` that shape the model, by section: a change of any other would make Pusher run again for the
    same model; and `stage_code`, the fingerprint of the sources of the components that the model comes from.
    """

    SPEC_CLASS = declare(
        parameters={"settings": str, "stage_code": str, "code": str},
        inputs={
            "examples": Examples,
            "quarantine": Quarantine,
            "model": Model,
            "evaluation": ModelEvaluation,
            "model_blessing": ModelBlessing,
            "infra_blessing": InfraBlessing,
        },
        outputs={CARD_KEY: Card},
    )
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)


def collect_figures(evaluation: str, class_names: Sequence[str]) -> CardFigures:
    """What the Evaluator measured, from the URI of its evaluation."""
    metrics, confusion = read_metrics(evaluation), read_confusion(evaluation, len(class_names))
    overall = metrics[()]
    accuracy, change = _read_accuracy(overall), read_change(overall)
    classes = describe_classes(confusion, class_names)
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
        views=calibration.get(VIEWS_KEY, 1),
    )


def _read_accuracy(values: Values) -> Share:
    """Of the rows of a slice; a class without rows has no slice."""
    return Share.of(values.get(Accuracy.NAME, 0.0), int(values.get(ExampleCount.NAME, 0)))
