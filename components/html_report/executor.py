"""Reads the artifacts of a run, asks the exported model batch by batch, and writes the page and its numbers."""

import json
import os
from typing import Any

import numpy as np
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from components.artifacts import CARD_KEY
from components.data_figures import Artifacts, read_data
from components.html_report.examples import ask, count_rows, read_batches
from components.metrics.evaluation import read_figures, read_robustness
from components.model_facts import describe_lineage, read_extra, read_training
from components.refusals import read_refusals
from components.report_folder import write_report
from fer_tfx.contract import CALIBRATION_FILE, EVAL_SPLIT, THRESHOLD_KEY, TRAIN_SPLIT, TRAINING_RECORD_FILE
from reporting import REPORT_KEY
from reporting.evaluation import (
    AnsweredRows,
    Faces,
    compare,
    compute_mean_faces,
    describe_robustness,
    evaluate,
    keep_answers,
)
from reporting.model_card import CARD_FILE
from reporting.report_data import Comparison, ReportData, Verdict
from reporting.serving_figures import FIGURES_FILE, ServingFigures


class Executor(base_executor.BaseExecutor):  # type: ignore[misc]
    """Passes NumPy to `reporting`, which knows no TensorFlow."""

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
    earlier = {role: inputs.get(role, []) for role in ("baseline_model", "service_model")}
    comparisons = _compare_all(earlier, split, rows, settings["gate"]["max_accuracy_drop"])
    data = read_data(inputs)
    measured = artifact_utils.get_single_uri(inputs["evaluation"])
    evaluation = evaluate(rows, calibration["temperature"], calibration[THRESHOLD_KEY])
    report = ReportData(
        name=settings["name"],
        verdict=_read_verdict(inputs),
        data=data,
        training=read_training(record, data.rows),
        evaluation=evaluation,
        figures=read_figures(measured),
        robustness=describe_robustness(read_robustness(measured), evaluation.accuracy),
        serving=_read_serving(artifact_utils.get_single_uri(inputs["infra_blessing"])),
        comparison=comparisons.get("baseline_model"),
        service=comparisons.get("service_model"),
        lineage=describe_lineage(inputs, settings, record, stage_code),
    )
    means = compute_mean_faces(read_batches(artifact_utils.get_split_uri(inputs["examples"], TRAIN_SPLIT)))
    return report, Faces(means, rows.mistaken)


def _read_verdict(inputs: Artifacts) -> Verdict:
    refusals = read_refusals(inputs)
    pushed, model = (artifact_utils.get_single_instance(inputs[key]) for key in ("pushed_model", "model"))
    return Verdict(refusals, model.uri if refusals else pushed.get_string_custom_property("pushed_destination"))


def _read_serving(infra_blessing: str) -> ServingFigures | None:
    """What ServingCheck measured; None: the export could not be served."""
    path = os.path.join(infra_blessing, FIGURES_FILE)
    return ServingFigures.from_json(io_utils.read_string_file(path)) if fileio.exists(path) else None


def _compare_all(
    models: dict[str, list[types.Artifact]], split_uri: str, candidate: AnsweredRows, margin: float
) -> dict[str, Comparison]:
    """Ask earlier models about the same split and compare the candidate with each; margin: the loss that is allowed."""
    by_uri: dict[str, Comparison] = {}
    for uri in {model.uri for found in models.values() for model in found}:
        answers = np.concatenate([each for _, each in ask(path_utils.serving_model_path(uri), split_uri)])
        by_uri[uri] = compare(candidate.probabilities, answers, candidate.class_indices, uri, margin)
    return {role: by_uri[model.uri] for role, found in models.items() for model in found}
