"""The result of a finished run: rows, accuracy, verdict, model."""

import json
import os
from dataclasses import dataclass, field
from typing import Any

from tfx.dsl.io import fileio
from tfx.utils import io_utils

from components.metrics.evaluation import read_metrics
from components.metrics.rows import Accuracy, ExampleCount, MacroF1
from components.refusals import REFUSAL_PROPERTY, find_refusals
from configs.tuning import read_values
from fer_tfx.contract import CLASS_NAMES, UNLABELLED_SPLIT
from pipeline.graph import TUNING_OUTPUTS
from pipeline.history import Figures, NodeRecord
from reporting.ingestion import REPORT_FILE, IngestionReport
from reporting.intervals import Interval, wilson_interval
from reporting.report_files import PAGE_FILE, REPORT_KEY


@dataclass(frozen=True)
class Outcome(Figures):
    """Every number and path of a run's summary."""

    rows: IngestionReport
    quarantine_uri: str
    accuracy_interval: Interval
    model_path: str
    """The pushed version, or the refused export."""
    is_in_service: bool
    """Whether the pushed version is still there: a run on unchanged input doesn't push again what was rolled back."""
    predictions_uri: str
    """Folder of the batch predictions; empty if there were no unlabelled rows or the model was refused."""
    report_path: str
    """The page of this run; empty: it has none."""
    tuned_values: dict[str, Any] = field(default_factory=dict)
    """Settings that a search chose, by dotted key; empty: there was no search."""
    hyperparameters_uri: str = ""
    """Folder of the search's result, which other runs can import; empty: there was no search."""

    @property
    def is_pushed(self) -> bool:
        return not self.refusals


def read_outcome(nodes: dict[str, NodeRecord]) -> Outcome:
    """Collect a run's figures from its artifacts."""
    quarantine = nodes["FerExampleGen"].outputs["quarantine"].uri
    rows = IngestionReport.from_json(io_utils.read_string_file(os.path.join(quarantine, REPORT_FILE)))
    metrics = read_metrics(nodes["Evaluator"].outputs["evaluation"].uri)
    overall = metrics[()]
    count = int(overall[ExampleCount.NAME])
    pushed = nodes["Pusher"].outputs["pushed_model"].properties
    refusals = _find_refusals(nodes)
    tuned_values, hyperparameters_uri = _read_tuning(nodes)
    destination = str(pushed.get("pushed_destination", ""))
    has_predictions = rows.split_size(UNLABELLED_SPLIT) > 0 and not refusals
    return Outcome(
        rows=rows,
        quarantine_uri=quarantine,
        eval_count=count,
        accuracy=overall[Accuracy.NAME],
        accuracy_interval=wilson_interval(overall[Accuracy.NAME], count),
        macro_f1=overall[MacroF1.NAME],
        recalls=_read_recalls(metrics),
        refusals=refusals,
        model_path=destination if not refusals else nodes["Trainer"].outputs["model"].uri,
        is_in_service=not refusals and fileio.exists(destination),
        predictions_uri=nodes["BulkInferrer"].outputs["output_examples"].uri if has_predictions else "",
        report_path=_find_report(nodes),
        tuned_values=tuned_values,
        hyperparameters_uri=hyperparameters_uri,
    )


def _read_tuning(nodes: dict[str, NodeRecord]) -> tuple[dict[str, Any], str]:
    """The values that a search of this run or an earlier one chose, and their folder."""
    for name, key in TUNING_OUTPUTS.items():
        if name in nodes:
            uri = nodes[name].outputs[key].uri
            return read_values(json.loads(io_utils.read_string_file(io_utils.get_only_uri_in_dir(uri)))), uri
    return {}, ""


def _read_recalls(metrics: dict[tuple[tuple[str, int], ...], dict[str, float]]) -> dict[str, float]:
    """Recall by class name, in class order; the accuracy within one true class is that class's recall."""
    by_class = {int(slice_key[0][1]): values[Accuracy.NAME] for slice_key, values in metrics.items() if slice_key}
    return {CLASS_NAMES[index]: by_class[index] for index in sorted(by_class)}


def _find_refusals(nodes: dict[str, NodeRecord]) -> list[str]:
    infra = nodes["ServingCheck"].outputs["blessing"]
    pushed = nodes["Pusher"].outputs["pushed_model"].properties
    return find_refusals(
        nodes["Evaluator"].outputs["evaluation"].uri,
        is_blessed=bool(nodes["Evaluator"].outputs["blessing"].properties.get("blessed")),
        infra_blessing=infra.uri,
        is_servable=bool(infra.properties.get("blessed")),
        is_pushed=bool(pushed.get("pushed")),
        push_refusal=str(pushed.get(REFUSAL_PROPERTY, "")),
    )


def _find_report(nodes: dict[str, NodeRecord]) -> str:
    report = nodes["HtmlReport"].outputs.get(REPORT_KEY) if "HtmlReport" in nodes else None
    return os.path.join(report.uri, PAGE_FILE) if report else ""
