"""What came of a run (rows, training, figures, verdict and version), and what differs between two runs."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

from configs.library import served_model_of
from configs.spec import PipelineConfig
from fer_tfx.contract import EVAL_SPLIT, EXTRA_ASSETS_DIR, TRAINING_RECORD_FILE
from fer_tfx.quiet import hush_libraries, output_in_log
from fer_tfx.versions.folder import VersionFolder
from pipeline.history.records import RunRecord, has_all_settings, read_code, read_settings
from pipeline.paths import RunPaths, is_remote
from reporting import NUMBERS_FILE, REPORT_KEY
from reporting.ingestion import REPORT_FILE, IngestionReport
from reporting.intervals import newcombe_interval

FIGURES_NOTE = "figures"
_GATE = "DataGate"
_MODEL_DIR = "Format-Serving"  # where TFX's Trainer puts the SavedModel within its artifact
_JUDGES = ("FerExampleGen", "Trainer", "Evaluator", "ServingCheck", "Pusher", "BulkInferrer")
_LAST_NODES = ("BulkInferrer", "Pusher")
_ABSENT = "-"


@dataclass(frozen=True)
class Figures:
    """The Evaluator's figures and the verdict, as `fer-tfx run` prints them."""

    eval_count: int
    accuracy: float
    macro_f1: float
    recalls: dict[str, float]
    """By class name."""
    refusals: list[str]
    """Why the model was not pushed; empty: it was."""

    def to_json(self) -> str:
        """The figures alone, also of an outcome, which has more."""
        return json.dumps({each.name: getattr(self, each.name) for each in fields(Figures)}, sort_keys=True)


def summarise(run: RunRecord, config: PipelineConfig) -> dict[str, Any]:
    """A line of `fer-tfx runs`; None: the run did not get that far, or the artifact is gone."""
    figures, rows, version = read_figures(run), read_rows(run), run.find_pushed("pushed_version")
    return {
        "id": run.number,
        "started": describe_time(run.started_s),
        "data": Path(str(read_settings(run).get("data.path", ""))).name or "-",
        "rows_used": rows.rows_emitted if rows else None,
        "accuracy": figures.accuracy if figures else None,
        "macro_f1": figures.macro_f1 if figures else None,
        "version": version or None,
        "version_state": describe_version(run.find_pushed("pushed_destination"), config) if version else None,
        "verdict": describe_verdict(run, figures, _read_refusal(run, config)),
    }


def read_figures(run: RunRecord) -> Figures | None:
    """From the run's own note; without one, from its evaluation, which imports TFMA. None: not judged."""
    if FIGURES_NOTE in run.notes:
        return Figures(**json.loads(str(run.notes[FIGURES_NOTE])))
    if not all(name in run.nodes and run.nodes[name].is_finished for name in _JUDGES):
        return None
    if read_rows(run) is None or not Path(run.find_uri("Evaluator", "evaluation")).is_dir():
        return None
    hush_libraries()
    with tempfile.TemporaryDirectory() as folder, output_in_log(Path(folder, "log")):
        from pipeline.outcome import read_outcome

        return read_outcome(run.nodes)


def read_rows(run: RunRecord) -> IngestionReport | None:
    """The account of all rows; None: there is none, or it is gone."""
    uri = run.find_uri("FerExampleGen", "quarantine")
    path = Path(uri, REPORT_FILE)
    return IngestionReport.from_json(path.read_text("utf-8")) if uri and path.is_file() else None


def read_training(run: RunRecord) -> dict[str, float]:
    """Epochs, their seconds, parameters and bytes of the exported model, as far as the files still exist."""
    uri = run.find_uri("Trainer", "model")
    files = [path for path in Path(uri, _MODEL_DIR).rglob("*") if path.is_file()] if uri else []
    found: dict[str, float] = {"model bytes": sum(path.stat().st_size for path in files)} if files else {}
    path = Path(uri, _MODEL_DIR, EXTRA_ASSETS_DIR, TRAINING_RECORD_FILE)
    if path in files:
        record = json.loads(path.read_text("utf-8"))
        seconds = sum(epoch["seconds"] for epoch in record["history"])
        found |= {"epochs": len(record["history"]), "seconds": seconds, "parameters": record["parameters"]}
    return found


def locate_refused(run: RunRecord, config: PipelineConfig) -> str:
    """Folder of the data gate's report of refused data; empty: it refused none.

    A failed execution has no output in MLMD, so this is where `components.data_gate` writes it.
    """
    gate = run.nodes.get(_GATE)
    return str(Path(RunPaths.of(config).artifacts, _GATE, REPORT_KEY, str(gate.id))) if gate and gate.is_failed else ""


def _read_refusal(run: RunRecord, config: PipelineConfig) -> str:
    """The sentence with which the data was refused; empty: it wasn't, or the report is gone."""
    folder = locate_refused(run, config)
    path = Path(folder, NUMBERS_FILE)
    if not folder or not path.is_file():
        return ""
    refusals = json.loads(path.read_text("utf-8"))["verdict"]["refusals"]
    return str(refusals[0]) if refusals else ""


def describe_verdict(run: RunRecord, figures: Figures | None, data_refusal: str = "") -> str:
    """How a run ended, in a few words; `data_refusal` is the sentence of the data gate, if it left one."""
    if data_refusal:
        return f"refused: {data_refusal}"
    for name, node in run.nodes.items():
        if not node.is_finished:
            return f"{'failed' if node.is_failed else 'unfinished'} at {name}"
    if missing := [name for name in _LAST_NODES if name not in run.nodes]:
        return f"stopped before {missing[0]}"
    if figures and figures.refusals:
        return f"refused: {figures.refusals[0]}"
    if not run.find_pushed("pushed_version"):
        return "refused"
    return "pushed before, unchanged" if run.nodes["Pusher"].is_cached else "pushed"


def describe_version(destination: str, config: PipelineConfig) -> str:
    """State of the version that was pushed to <folder>/<version>; empty: there is none, or it is in a bucket."""
    path = Path(destination)
    if is_remote(destination) or not path.name.isdecimal():
        return ""
    return VersionFolder(path.parent, served_model_of(config.serving)).describe_states().get(int(path.name), "removed")


def describe_time(seconds: float) -> str:
    """Seconds since 1970 as date and time."""
    return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"


class Line(NamedTuple):
    name: str
    first: str
    second: str
    difference: str = ""


class Section(NamedTuple):
    title: str
    lines: list[Line]
    remark: str = ""


def compare_runs(*runs: RunRecord) -> list[Section]:
    """Everything in which two runs can be compared: differences are second - first."""
    figures, rows = [read_figures(run) for run in runs], [read_rows(run) for run in runs]
    ends = [
        Line("started", *(describe_time(run.started_s) for run in runs)),
        Line("verdict", *(describe_verdict(run, each) for run, each in zip(runs, figures, strict=True))),
        Line("version", *(run.find_pushed("pushed_version") or _ABSENT for run in runs)),
    ]
    return [
        Section("runs", ends),
        _compare_settings(*runs),
        Section("rows", _compare_rows(rows)),
        _compare_figures(runs, figures, rows),
        Section("training", _compare_training(runs)),
        Section("code that differs", _list_differing(*(_read_all_code(run) for run in runs))),
    ]


def _compare_settings(first: RunRecord, second: RunRecord) -> Section:
    title, lines = "settings that differ", _list_differing(read_settings(first), read_settings(second))
    ids = " and ".join(str(run.number) for run in (first, second) if not has_all_settings(run))
    if not ids:
        return Section(title, lines)
    # A setting that was not noted is not known to differ.
    noted = read_settings(first).keys() & read_settings(second).keys()
    remark = f"run {ids} noted no settings: only those that the nodes of both runs were given are compared"
    return Section(title, [line for line in lines if line.name in noted], remark)


def _list_differing(first: dict[str, Any], second: dict[str, Any]) -> list[Line]:
    return [
        Line(key, str(first.get(key, _ABSENT)), str(second.get(key, _ABSENT)))
        for key in sorted({*first, *second})
        if first.get(key) != second.get(key)
    ]


def _read_all_code(run: RunRecord) -> dict[str, str]:
    codes = {name: read_code(node.parameters) for name, node in run.nodes.items()}
    return {f"{name}.{key}": value for name, code in codes.items() for key, value in code.items()}


def _compare_rows(rows: list[IngestionReport | None]) -> list[Line]:
    splits = sorted({split for each in rows if each for split in each.emitted})
    return [
        *(_line(split, [each.split_size(split) if each else None for each in rows], ",") for split in splits),
        _line("dropped", [each.rows_dropped if each else None for each in rows], ","),
        _line("left out", [each.rows_left_out if each else None for each in rows], ","),
        _line("quarantined", [each.rows_quarantined if each else None for each in rows], ","),
    ]


def _compare_figures(
    runs: Sequence[RunRecord], figures: list[Figures | None], rows: list[IngestionReport | None]
) -> Section:
    if not any(figures):
        return Section("figures", [], "neither run reached a verdict")
    counts = [each.eval_count if each else 0 for each in figures]
    lines = [
        _line("accuracy", [each.accuracy if each else None for each in figures], ".4f", counts),
        _line("macro F1", [each.macro_f1 if each else None for each in figures], ".4f", (0, 0)),
    ]
    for name in dict.fromkeys(name for each in figures if each for name in each.recalls):
        counts = [each.emitted.get(EVAL_SPLIT, {}).get(name, 0) if each else 0 for each in rows]
        recalls = [each.recalls.get(name) if each else None for each in figures]
        lines.append(_line(f"recall of {name}", recalls, ".4f", counts))
    examples = [run.find_artifact("FerExampleGen", "examples") for run in runs]
    same = examples[0] and examples[1] and examples[0].id == examples[1].id
    remark = (
        "[...]: unpaired 95 % interval (Newcombe), as a run keeps no answers row by row; both were judged on"
        f" {'the same examples' if same else 'examples that were made separately'};"
        " on equal rows a paired interval would be narrower"
    )
    return Section(f"figures on the {EVAL_SPLIT} split", lines, remark)


def _compare_training(runs: Sequence[RunRecord]) -> list[Line]:
    trainings = [read_training(run) for run in runs]
    if not any("epochs" in each for each in trainings):
        return []
    forms = {"epochs": ",", "seconds": ",.0f", "parameters": ",", "model bytes": ","}
    return [_line(name, [each.get(name) for each in trainings], form) for name, form in forms.items()]


def _line(name: str, values: Sequence[float | None], form: str, row_counts: Sequence[int] = ()) -> Line:
    """With `row_counts` the difference is shown, and where none is 0 its interval, for shares of that many rows."""
    (first, second), difference = values, ""
    if first is not None and second is not None and row_counts:
        difference = f"{second - first:+.4f}"
        if all(row_counts):
            interval = newcombe_interval(first, row_counts[0], second, row_counts[1])
            difference += f" [{interval.low:+.4f}, {interval.high:+.4f}]"
    left, right = (_ABSENT if value is None else format(value, form) for value in values)
    return Line(name, left, right, difference)
