"""HtmlReport: the page of a run, whether its model was pushed or refused."""

import json
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import Artifact, artifact_utils, standard_artifacts
from tfx.utils import io_utils, path_utils

from components.artifacts import CARD_KEY, Artifacts, Card, Component, Quarantine, Report, declare
from components.data_figures import read_data
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
from components.serving_probe import open_model
from fer_tfx import contract
from reporting import REPORT_KEY
from reporting.evaluation import (
    AnsweredRows,
    Faces,
    LabelledRows,
    compare,
    compute_mean_faces,
    describe_robustness,
    evaluate,
    keep_answers,
)
from reporting.model_card import CARD_FILE
from reporting.report_data import Comparison, ReportData, Verdict

_READ_BATCH_SIZE = 1024
_PREDICT_BATCH_SIZE = 256
_FEATURES = {
    contract.PIXELS_KEY: tf.io.FixedLenFeature([], tf.string),
    contract.LABEL_KEY: tf.io.FixedLenFeature([], tf.int64),
    contract.SOURCE_KEY: tf.io.FixedLenFeature([], tf.string),
    contract.ROW_KEY: tf.io.FixedLenFeature([], tf.int64),
}


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
        rows = keep_answers(ask(model_dir, eval_split), data.rows.split_size(contract.EVAL_SPLIT), class_names)
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
        )
        faces = Faces(compute_mean_faces(read_batches(train_split), len(class_names)), rows.mistaken)
        card_text = io_utils.read_string_file(os.path.join(card, CARD_FILE))
        write_report(artifact_utils.get_single_uri(output_dict[REPORT_KEY]), numbers, faces, card_text)


class HtmlReport(Component):
    """Writes `report.html` and `report.json`; refuses nothing.

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


def _compare_all(
    models: dict[str, list[Artifact]], split_uri: str, candidate: AnsweredRows, margin: float
) -> dict[str, Comparison]:
    """Ask earlier models about the same split and compare the candidate with each; margin: the loss that is allowed."""
    by_uri: dict[str, Comparison] = {}
    for uri in {model.uri for found in models.values() for model in found}:
        answers = np.concatenate([each for _, each in ask(path_utils.serving_model_path(uri), split_uri)])
        by_uri[uri] = compare(candidate.probabilities, answers, candidate.class_indices, uri, margin)
    return {role: by_uri[model.uri] for role, found in models.items() for model in found}


def ask(model_dir: str, split_uri: str) -> Iterator[tuple[LabelledRows, npt.NDArray[np.float32]]]:
    """The rows of `read_batches`, and the exported model's answers through `serve_pixels`, float32 (n, classes)."""
    with open_model(model_dir) as signature:
        answer = signature(contract.SERVE_PIXELS)
        for rows in read_batches(split_uri):
            starts = range(0, len(rows.pixels), _PREDICT_BATCH_SIZE)
            batches = (rows.pixels[start : start + _PREDICT_BATCH_SIZE, ..., None] for start in starts)
            yield rows, np.concatenate([answer(batch)[contract.PROBABILITIES_KEY] for batch in batches])


def read_batches(split_uri: str) -> Iterator[LabelledRows]:
    """The rows of one split, in the order of its files, at most 1,024 at a time."""
    paths = sorted(tf.io.gfile.glob(os.path.join(split_uri, "*")))
    records = tf.data.TFRecordDataset(paths, compression_type="GZIP").batch(_READ_BATCH_SIZE)
    for batch in records.map(lambda serialised: tf.io.parse_example(serialised, _FEATURES)).as_numpy_iterator():
        yield LabelledRows(
            pixels=np.frombuffer(b"".join(batch[contract.PIXELS_KEY]), np.uint8).reshape(
                -1, contract.IMAGE_SIZE_PX, contract.IMAGE_SIZE_PX
            ),
            class_indices=batch[contract.LABEL_KEY],
            sources=tuple(source.decode() for source in batch[contract.SOURCE_KEY]),
            positions=batch[contract.ROW_KEY],
        )
