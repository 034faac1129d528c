"""Reads the artifacts of a run, asks the exported model batch by batch, and writes the page with its numbers."""

import json
import os
from typing import Any

import numpy as np
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from components.artifacts import CARD_KEY
from components.data_figures import read_data
from components.html_report.examples import ask, count_rows, read_batches
from components.html_report.sources import read_robustness_table, read_serving, read_verdict
from components.model_facts import Artifacts, describe_lineage, read_extra, read_training
from components.report_folder import write_report
from fer_tfx.contract import CALIBRATION_FILE, EVAL_SPLIT, THRESHOLD_KEY, TRAIN_SPLIT, TRAINING_RECORD_FILE
from reporting.evaluation import AnsweredRows, compare, evaluate, keep_answers
from reporting.faces import Faces, compute_mean_faces
from reporting.model_card import CARD_FILE
from reporting.report_data import Comparison, ReportData
from reporting.report_files import REPORT_KEY


class Executor(base_executor.BaseExecutor):  # type: ignore[misc]
    """Hands NumPy to `reporting`, which knows no TensorFlow."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Write `report.html` and `report.json`."""
        self._log_startup(input_dict, output_dict, exec_properties)
        report, faces = collect(
            input_dict, json.loads(exec_properties["settings"]), json.loads(exec_properties["stage_code"])
        )
        card = io_utils.read_string_file(os.path.join(artifact_utils.get_single_uri(input_dict[CARD_KEY]), CARD_FILE))
        write_report(artifact_utils.get_single_uri(output_dict[REPORT_KEY]), report, faces, card)


def collect(inputs: Artifacts, settings: dict[str, Any], stage_code: dict[str, str]) -> tuple[ReportData, Faces]:
    """All numbers and pictures of the page.

    Args:
        inputs: by the keys of `HtmlReportSpec`.
        settings: of the run, by section.
        stage_code: fingerprint of the sources by component.
    """
    model_dir = path_utils.serving_model_path(artifact_utils.get_single_uri(inputs["model"]))
    calibration, record = (read_extra(model_dir, name) for name in (CALIBRATION_FILE, TRAINING_RECORD_FILE))
    split = artifact_utils.get_split_uri(inputs["examples"], EVAL_SPLIT)
    rows = keep_answers(ask(model_dir, split), count_rows(split))
    margin = settings["gate"]["max_accuracy_drop"]
    anchor = _compare(inputs.get("baseline_model", []), split, rows, margin)
    data = read_data(inputs)
    evaluation = evaluate(rows, calibration["temperature"], calibration[THRESHOLD_KEY])
    report = ReportData(
        name=settings["name"],
        verdict=read_verdict(inputs),
        data=data,
        training=read_training(record, data.rows),
        evaluation=evaluation,
        robustness=read_robustness_table(inputs, evaluation.accuracy),
        serving=read_serving(inputs),
        comparison=anchor,
        service=_compare(inputs.get("service_model", []), split, rows, margin, anchor),
        lineage=describe_lineage(inputs, settings, record, stage_code),
    )
    means = compute_mean_faces(read_batches(artifact_utils.get_split_uri(inputs["examples"], TRAIN_SPLIT)))
    return report, Faces(means, rows.mistaken)


def _compare(
    models: list[types.Artifact],
    split_uri: str,
    candidate: AnsweredRows,
    margin: float,
    known: Comparison | None = None,
) -> Comparison | None:
    """The candidate's answers beside those of an earlier model to the same split, if there is one.

    Args:
        models: the earlier one, or none.
        split_uri: of the examples.
        candidate: its answers.
        margin: the loss of accuracy that the gate bears.
        known: a comparison that there is already, lest the same model be asked twice.
    """
    if not models:
        return None
    (model,) = models
    if known and known.baseline_uri == model.uri:
        return known
    answers = [each for _, each in ask(path_utils.serving_model_path(model.uri), split_uri)]
    return compare(candidate.probabilities, np.concatenate(answers), candidate.class_indices, model.uri, margin)
