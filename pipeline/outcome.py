"""The result of a finished run: rows, accuracy, verdict, model; and its summary for people."""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfx.dsl.io import fileio
from tfx.utils import io_utils, path_utils

from components.metrics.evaluation import read_metrics
from components.metrics.rows import Accuracy, ExampleCount, MacroF1
from components.model_facts import REFUSAL_PROPERTY, find_refusals, read_class_names
from components.remote_files import is_remote, read_files
from configs.tuning import read_values
from fer_tfx.contract import UNLABELLED_SPLIT
from fer_tfx.counted import counted
from fer_tfx.versions.model_digest import compute_digest
from pipeline.graph import TUNING_OUTPUTS
from pipeline.history import Figures, NodeRecord
from reporting import PAGE_FILE, REPORT_KEY
from reporting.ingestion import REPORT_FILE, IngestionReport
from reporting.intervals import Interval, wilson_interval
from reporting.report_data import NEXT_STEP

_SHOWN_FILES = 3


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
    is_as_pushed: bool = True
    """Whether the folder of the pushed version is on this machine, and still holds the model that was pushed."""

    @property
    def is_pushed(self) -> bool:
        return not self.refusals


def read_outcome(nodes: dict[str, NodeRecord]) -> Outcome:
    """Collect a run's figures from its artifacts."""
    quarantine = nodes["FerExampleGen"].outputs["quarantine"].uri
    rows = IngestionReport.from_json(io_utils.read_string_file(os.path.join(quarantine, REPORT_FILE)))
    evaluation, infra = nodes["Evaluator"].outputs["evaluation"].uri, nodes["ServingCheck"].outputs["blessing"]
    pushed = nodes["Pusher"].outputs["pushed_model"].properties
    metrics = read_metrics(evaluation)
    overall = metrics[()]
    count = int(overall[ExampleCount.NAME])
    # The accuracy within one true class is that class's recall.
    by_class = {int(slice_key[0][1]): values[Accuracy.NAME] for slice_key, values in metrics.items() if slice_key}
    class_names = read_class_names(path_utils.serving_model_path(nodes["Trainer"].outputs["model"].uri))
    refusals = find_refusals(
        evaluation,
        class_names,
        is_blessed=bool(nodes["Evaluator"].outputs["blessing"].properties.get("blessed")),
        infra_blessing=infra.uri,
        is_servable=bool(infra.properties.get("blessed")),
        is_pushed=bool(pushed.get("pushed")),
        push_refusal=str(pushed.get(REFUSAL_PROPERTY, "")),
    )
    destination = str(pushed.get("pushed_destination", ""))
    has_predictions = rows.split_size(UNLABELLED_SPLIT) > 0 and not refusals
    report = nodes["HtmlReport"].outputs.get(REPORT_KEY) if "HtmlReport" in nodes else None
    tuned_values, hyperparameters_uri = _read_tuning(nodes)
    return Outcome(
        rows=rows,
        quarantine_uri=quarantine,
        eval_count=count,
        accuracy=overall[Accuracy.NAME],
        accuracy_interval=wilson_interval(overall[Accuracy.NAME], count),
        macro_f1=overall[MacroF1.NAME],
        recalls={class_names[index]: by_class[index] for index in sorted(by_class)},
        refusals=refusals,
        model_path=destination if not refusals else nodes["Trainer"].outputs["model"].uri,
        is_in_service=not refusals and fileio.exists(destination),
        predictions_uri=nodes["BulkInferrer"].outputs["output_examples"].uri if has_predictions else "",
        report_path=os.path.join(report.uri, PAGE_FILE) if report else "",
        tuned_values=tuned_values,
        hyperparameters_uri=hyperparameters_uri,
        is_as_pushed=_is_copy(destination, nodes["Pusher"].outputs["pushed_model"].uri),
    )


def _is_copy(version: str, pushed_model: str) -> bool:
    """Whether the folder of a version on this machine holds the model that was pushed there."""
    if is_remote(version) or not fileio.exists(version):
        return False
    return compute_digest(read_files(version)) == compute_digest(read_files(pushed_model))


def _read_tuning(nodes: dict[str, NodeRecord]) -> tuple[dict[str, Any], str]:
    """The values that a search of this run or an earlier one chose, and their folder."""
    for name, key in TUNING_OUTPUTS.items():
        if name in nodes:
            uri = nodes[name].outputs[key].uri
            return read_values(json.loads(io_utils.read_string_file(io_utils.get_only_uri_in_dir(uri)))), uri
    return {}, ""


def write_summary(outcome: Outcome) -> str:
    """The outcome in a few lines: rows, accuracy, verdict, where things are, what to do next."""
    return "\n".join(f"{title:<12} {text}".rstrip() for title, text in _lines(outcome))


def _lines(outcome: Outcome) -> Iterator[tuple[str, str]]:
    rows, low, high = outcome.rows, *outcome.accuracy_interval
    yield from describe_rows(rows, outcome.quarantine_uri)
    judged = f" by the {rows.labels}" if rows.labels else ""
    shown = f"{outcome.accuracy:.4f} on {counted(outcome.eval_count, 'eval row')}{judged}"
    yield "accuracy", f"{shown} (95 % interval {low:.4f} to {high:.4f}), macro F1 {outcome.macro_f1:.4f}"
    if outcome.hyperparameters_uri:
        tuned = outcome.tuned_values.items()
        values = (f"{key}={f'{value:.4g}' if isinstance(value, float) else value}" for key, value in tuned)
        yield "tuned", f"{', '.join(values)}; {outcome.hyperparameters_uri}"
    yield "recall", ", ".join(f"{name} {value:.3f}" for name, value in outcome.recalls.items())
    yield "report", outcome.report_path
    if outcome.is_pushed:
        yield "gate", "passed"
        yield "model", outcome.model_path + ("" if outcome.is_in_service else " (rolled back or removed since)")
        if outcome.predictions_uri:
            yield (
                "predictions",
                f"{counted(rows.split_size('unlabelled'), 'unlabelled row')}; {outcome.predictions_uri}",
            )
        command = f"versions --set runtime.serving_path={Path(outcome.model_path).parent}"
        if outcome.is_in_service:
            command = f"predict --model {outcome.model_path} PICTURE..."
        yield "next", f"{Path(sys.executable).with_name('fer-tfx')} {command}"
    else:
        yield "gate", f"REFUSED: {'; '.join(outcome.refusals)}"
        yield "model", f"not pushed; {outcome.model_path}"
        yield "next", NEXT_STEP


def describe_rows(rows: IngestionReport, quarantine_uri: str = "") -> Iterator[tuple[str, str]]:
    """Title and text of each line about the rows of an ingestion."""
    used = f"{rows.rows_read:,} read = {rows.rows_emitted:,} used + {counted(rows.rows_dropped, 'repeat')} dropped"
    left_out = f" + {rows.rows_left_out:,} left out" if rows.rows_left_out else ""
    yield "rows", f"{used}{left_out} + {rows.rows_quarantined:,} quarantined"
    yield "splits", ", ".join(f"{split} {rows.split_size(split):,}" for split in sorted(rows.emitted))
    if rows.remarks:
        yield "read as", _name_some(rows.remarks, len(rows.remarks))
    if rows.left_out:
        # By their votes rows are left out for a reason.
        shown = "{}: {:,}" if rows.labels else "label '{}': {:,}"
        yield "left out", "; ".join(shown.format(*each) for each in rows.left_out.items())
    if rows.rows_quarantined:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in rows.quarantined.items())
        yield "quarantine", f"{reasons}; {quarantine_uri}".removesuffix("; ")
    if rows.skipped_files:
        yield "skipped", _describe_skipped(rows)


def _describe_skipped(rows: IngestionReport) -> str:
    """Files and members of archives that were not read; the page names more of them."""
    files = [f"{name}: {reason}" for name, reason in rows.skipped_files.items()]
    return _name_some(files, len(files) + rows.unlisted_files)


def _name_some(texts: list[str], count: int) -> str:
    more = count - _SHOWN_FILES
    return "; ".join(texts[:_SHOWN_FILES]) + (f"; and {more:,} more" if more > 0 else "")
