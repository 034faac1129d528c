"""What a finished run came to: rows, accuracy, verdict, model."""

import json
import os
from dataclasses import dataclass, field
from typing import Any

import tensorflow_model_analysis as tfma
from tfx.dsl.io import fileio
from tfx.utils import io_utils

from components.macro_f1 import MACRO_F1_NAME
from configs.hyperparameters import read_values
from pipeline.eval_config import ACCURACY_NAME, EXAMPLE_COUNT_NAME
from pipeline.lineage import NodeRecord
from pipeline.refusals import explain_validation
from pipeline.tuning import TUNING_OUTPUTS
from reporting.ingestion import REPORT_FILE, IngestionReport
from reporting.intervals import Interval, wilson_interval
from schema.contract import CLASS_NAMES, UNLABELLED_SPLIT


@dataclass(frozen=True)
class Outcome:
    """Every number and path of a run's summary."""

    rows: IngestionReport
    quarantine_uri: str
    eval_count: int
    accuracy: float
    accuracy_interval: Interval
    macro_f1: float
    recalls: dict[str, float]
    refusals: list[str]
    """Why the model was not pushed; empty: it was."""
    model_path: str
    """The pushed version, or the refused export."""
    is_in_service: bool
    """Whether the pushed version still lies there: a run on unchanged input pushes none that was rolled back."""
    predictions_uri: str
    """Folder of the batch predictions; empty if there were no unlabelled rows or the model was refused."""
    cached_nodes: list[str]
    tuned_values: dict[str, Any] = field(default_factory=dict)
    """Settings that a search chose, by dotted key; empty: there was none."""
    hyperparameters_uri: str = ""
    """Folder of the search's result, to be imported by other runs; empty: there was none."""

    @property
    def is_pushed(self) -> bool:
        return not self.refusals


def read_outcome(nodes: dict[str, NodeRecord]) -> Outcome:
    """Collect a run's figures from its artifacts."""
    quarantine = nodes["FerExampleGen"].outputs["quarantine"].uri
    rows = IngestionReport.from_json(io_utils.read_string_file(os.path.join(quarantine, REPORT_FILE)))
    evaluation = nodes["Evaluator"].outputs["evaluation"].uri
    metrics = read_metrics(evaluation)
    overall = metrics[()]
    count = int(overall[EXAMPLE_COUNT_NAME])
    pushed = nodes["Pusher"].outputs["pushed_model"].properties
    refusals = _find_refusals(nodes, evaluation, overall)
    if not refusals and not pushed.get("pushed"):
        refusals = ["Pusher did not push, though every gate let the model through"]
    tuned_values, hyperparameters_uri = _read_tuning(nodes)
    destination = str(pushed.get("pushed_destination", ""))
    has_predictions = rows.split_size(UNLABELLED_SPLIT) > 0 and not refusals
    return Outcome(
        rows=rows,
        quarantine_uri=quarantine,
        eval_count=count,
        accuracy=overall[ACCURACY_NAME],
        accuracy_interval=wilson_interval(overall[ACCURACY_NAME], count),
        macro_f1=overall[MACRO_F1_NAME],
        recalls=_read_recalls(metrics),
        refusals=refusals,
        model_path=destination if not refusals else nodes["Trainer"].outputs["model"].uri,
        is_in_service=not refusals and fileio.exists(destination),
        predictions_uri=nodes["BulkInferrer"].outputs["output_examples"].uri if has_predictions else "",
        cached_nodes=[name for name, node in nodes.items() if node.is_cached],
        tuned_values=tuned_values,
        hyperparameters_uri=hyperparameters_uri,
    )


def _read_tuning(nodes: dict[str, NodeRecord]) -> tuple[dict[str, Any], str]:
    """The values that a search of this run or an earlier one chose, and the folder they lie in."""
    for name, key in TUNING_OUTPUTS.items():
        if name in nodes:
            uri = nodes[name].outputs[key].uri
            return read_values(json.loads(io_utils.read_string_file(io_utils.get_only_uri_in_dir(uri)))), uri
    return {}, ""


def read_metrics(evaluation: str) -> dict[tuple[tuple[str, int], ...], dict[str, float]]:
    """Plain metrics by slice: () overall, (("emotion", 3),) for a class."""
    result = tfma.load_eval_result(evaluation)
    # TFMA's reader goes through JSON, where a NaN is the text "NaN".
    return {
        slice_key: {name: float(value["doubleValue"]) for name, value in by_name.items() if "doubleValue" in value}
        for slice_key, by_output in result.slicing_metrics
        for by_name in [by_output[""][""]]
    }


def _read_recalls(metrics: dict[tuple[tuple[str, int], ...], dict[str, float]]) -> dict[str, float]:
    """Recall by class name, in class order; the accuracy within one true class is that class's recall."""
    by_class = {int(slice_key[0][1]): values[ACCURACY_NAME] for slice_key, values in metrics.items() if slice_key}
    return {CLASS_NAMES[index]: by_class[index] for index in sorted(by_class)}


def _find_refusals(nodes: dict[str, NodeRecord], evaluation: str, overall: dict[str, float]) -> list[str]:
    refusals = []
    if not nodes["Evaluator"].outputs["blessing"].properties.get("blessed"):
        refusals += explain_validation(evaluation, overall) or ["the Evaluator gave no blessing"]
    infra = nodes["ServingCheck"].outputs["blessing"]
    if not infra.properties.get("blessed"):
        reason = io_utils.read_string_file(os.path.join(infra.uri, "INFRA_NOT_BLESSED"))
        refusals.append(f"the export can't be served: {reason}")
    return refusals
