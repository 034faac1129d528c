"""HtmlReport: the page of a run, whether its model was pushed or refused."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.dsl.io import fileio
from tfx.types import Artifact, artifact_utils, standard_artifacts
from tfx.utils import io_utils, path_utils

from components.artifacts import CARD_KEY, Artifacts, Card, Component, Quarantine, Report, declare
from components.data_figures import read_data
from components.labelled_rows import read_batches
from components.metrics.evaluation import read_figures, read_robustness
from components.model_facts import (
    describe_lineage,
    read_class_names,
    read_extras,
    read_refusals,
    read_serving,
    read_training,
)
from components.report_folder import write_report
from components.run_facts import read_run_facts
from components.serving_probe import open_model
from fer_tfx import contract
from reporting import REPORT_KEY
from reporting.answered import AnsweredRows, Floats, Pictures, Shown, keep_answers
from reporting.evaluation import compare, describe_robustness, evaluate
from reporting.faces import Faces, look_at_classes
from reporting.model_card import CARD_FILE
from reporting.report_data import Comparison, ReportData, Verdict
from reporting.row_answers import ANSWERS_FILE
from reporting.saliency import compute_occlusion

_PREDICT_BATCH_SIZE = 256
Ask = Callable[[Pictures], Floats]


class Executor(BaseExecutor):  # type: ignore[misc]
    """Asks the exported model batch by batch, and passes NumPy to `reporting`, which knows no TensorFlow."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        settings, stage_code = (json.loads(exec_properties[key]) for key in ("settings", "stage_code"))
        pushed, model = (artifact_utils.get_single_instance(input_dict[key]) for key in ("pushed_model", "model"))
        evaluation, infra_blessing, card = (
            artifact_utils.get_single_uri(input_dict[key]) for key in ("evaluation", "infra_blessing", CARD_KEY)
        )
        eval_split, train_split = (
            artifact_utils.get_split_uri(input_dict["examples"], split)
            for split in (contract.EVAL_SPLIT, contract.TRAIN_SPLIT)
        )
        data, refusals = read_data(input_dict), read_refusals(input_dict)
        model_dir = path_utils.serving_model_path(model.uri)
        calibration, record = read_extras(model_dir)
        class_names = read_class_names(model_dir)
        with answering(model_dir) as ask:
            answers = ((batch, ask(batch.pixels)) for batch in read_batches(eval_split))
            rows = keep_answers(answers, data.rows.split_size(contract.EVAL_SPLIT), class_names)
            saliency = [compute_occlusion(each.pixels, _find_said(each, class_names), ask) for each in rows.mistakes]
        measured = evaluate(rows, calibration["temperature"], calibration[contract.THRESHOLD_KEY], class_names)
        earlier = {role: input_dict.get(role, []) for role in ("baseline_model", "service_model")}
        comparisons = _compare_all(earlier, eval_split, rows, settings["gate"]["max_accuracy_drop"])
        numbers = ReportData(
            name=settings["name"],
            verdict=Verdict(
                refusals, model.uri if refusals else pushed.get_string_custom_property("pushed_destination")
            ),
            data=data,
            training=read_training(record, data.rows),
            evaluation=measured,
            figures=read_figures(evaluation),
            robustness=describe_robustness(read_robustness(evaluation), measured.accuracy),
            serving=read_serving(infra_blessing),
            comparison=comparisons.get("baseline_model"),
            service=comparisons.get("service_model"),
            lineage=describe_lineage(input_dict, settings, record, stage_code),
            run=read_run_facts(self._context),
        )
        classes = look_at_classes(read_batches(train_split), len(class_names))
        faces = Faces(classes, rows.mistakes, saliency, rows.cells)
        card_text = io_utils.read_string_file(os.path.join(card, CARD_FILE))
        folder = artifact_utils.get_single_uri(output_dict[REPORT_KEY])
        write_report(folder, numbers, faces, card_text)
        with fileio.open(os.path.join(folder, ANSWERS_FILE), "wb") as file:
            file.write(rows.to_row_answers(class_names).to_bytes())


class HtmlReport(Component):
    """Writes `report.html`, `report.json` and `answers.npz`, a `RowAnswers`; refuses nothing.

    Takes the `settings` of the whole run as JSON, by section, and `stage_code`, the fingerprint of the sources by
    component, to show them on the page. `baseline_model` is the anchor.
    """

    SPEC_CLASS = declare(
        parameters={"settings": str, "stage_code": str, "code": str},
        inputs={
            "examples": standard_artifacts.Examples,
            "quarantine": Quarantine,
            "schema": standard_artifacts.Schema,
            "statistics": standard_artifacts.ExampleStatistics,
            "anomalies": standard_artifacts.ExampleAnomalies,
            "model": standard_artifacts.Model,
            "evaluation": standard_artifacts.ModelEvaluation,
            "model_blessing": standard_artifacts.ModelBlessing,
            "infra_blessing": standard_artifacts.InfraBlessing,
            CARD_KEY: Card,
            "pushed_model": standard_artifacts.PushedModel,
        },
        optional_inputs={
            "previous_statistics": standard_artifacts.ExampleStatistics,
            "baseline_model": standard_artifacts.Model,
            "service_model": standard_artifacts.Model,
        },
        outputs={REPORT_KEY: Report},
    )
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)


def _find_said(shown: Shown, class_names: Sequence[str]) -> int:
    return class_names.index(shown.answer.predicted_class)


def _compare_all(
    models: dict[str, list[Artifact]], split_uri: str, candidate: AnsweredRows, margin: float
) -> dict[str, Comparison]:
    """Ask earlier models about the same split and compare the candidate with each; margin: the loss that is allowed."""
    by_uri: dict[str, Comparison] = {}
    for uri in {model.uri for found in models.values() for model in found}:
        with answering(path_utils.serving_model_path(uri)) as ask:
            answers = np.concatenate([ask(batch.pixels) for batch in read_batches(split_uri)])
        by_uri[uri] = compare(candidate.probabilities, answers, candidate.class_indices, uri, margin)
    return {role: by_uri[model.uri] for role, found in models.items() for model in found}


@contextmanager
def answering(model_dir: str) -> Iterator[Ask]:
    """The exported model's answers through `serve_pixels`: uint8 (n, 48, 48) -> float32 (n, classes)."""
    with open_model(model_dir) as signature:
        serve = signature(contract.SERVE_PIXELS)

        def ask(pixels: Pictures) -> Floats:
            starts = range(0, len(pixels), _PREDICT_BATCH_SIZE)
            batches = (pixels[start : start + _PREDICT_BATCH_SIZE, ..., None] for start in starts)
            return np.concatenate([serve(batch)[contract.PROBABILITIES_KEY] for batch in batches])

        yield ask
