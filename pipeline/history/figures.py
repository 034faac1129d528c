"""What came of a run: rows, training, figures, answers, verdict and version."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from configs.library import served_model_of
from configs.spec import PipelineConfig
from fer_tfx.contract import EXTRA_ASSETS_DIR, MODEL_DIR, TRAINING_RECORD_FILE
from fer_tfx.errors import DataError, shorten
from fer_tfx.quiet import hush_libraries, output_in_log
from fer_tfx.versions.folder import VersionFolder
from pipeline.history.records import RunRecord, read_settings
from pipeline.paths import RunPaths, is_remote
from reporting import NUMBERS_FILE, REPORT_KEY
from reporting.ingestion import REPORT_FILE, IngestionReport
from reporting.report_data import describe_time
from reporting.row_answers import ANSWERS_FILE, RowAnswers

FIGURES_NOTE = "figures"
REPORTER = "HtmlReport"
_GATE = "DataGate"
_JUDGES = ("FerExampleGen", "Trainer", "Evaluator", "ServingCheck", "Pusher", "BulkInferrer")
_LAST_NODES = ("BulkInferrer", "Pusher")


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
    with _naming(path):
        return IngestionReport.from_json(path.read_text("utf-8")) if uri and path.is_file() else None


def read_training(run: RunRecord) -> dict[str, float]:
    """Epochs, their seconds, parameters and bytes of the exported model, as far as the files still exist."""
    uri = run.find_uri("Trainer", "model")
    files = [path for path in Path(uri, MODEL_DIR).rglob("*") if path.is_file()] if uri else []
    found: dict[str, float] = {"model bytes": sum(path.stat().st_size for path in files)} if files else {}
    path = Path(uri, MODEL_DIR, EXTRA_ASSETS_DIR, TRAINING_RECORD_FILE)
    if path in files:
        with _naming(path):
            record = json.loads(path.read_text("utf-8"))
            seconds = sum(epoch["seconds"] for epoch in record["history"])
            found |= {"epochs": len(record["history"]), "seconds": seconds, "parameters": record["parameters"]}
    return found


def read_answers(run: RunRecord) -> RowAnswers | None:
    """What the model said of each eval row; None: there is no report, or one of an earlier version."""
    uri = run.find_uri(REPORTER, REPORT_KEY)
    path = Path(uri, ANSWERS_FILE)
    with _naming(path):
        return RowAnswers.from_bytes(path.read_bytes()) if uri and path.is_file() else None


def read_numbers(run: RunRecord, config: PipelineConfig) -> dict[str, Any]:
    """The numbers of a run's page; empty: it has none."""
    folder = run.find_uri(REPORTER, REPORT_KEY) or locate_refused(run, config)
    path = Path(folder, NUMBERS_FILE)
    with _naming(path):
        return dict(json.loads(path.read_text("utf-8"))) if folder and path.is_file() else {}


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Raise DataError, which names the file, for what reading a damaged one raises."""
    try:
        yield
    except (AttributeError, BadZipFile, EOFError, KeyError, TypeError, ValueError) as error:
        found = f"is damaged: {shorten(str(error), 100)}"
        raise DataError(f"{path}: {found}; move it away, or bring it back from a copy") from None


def locate_refused(run: RunRecord, config: PipelineConfig) -> str:
    """Folder of the data gate's report of refused data; empty: it refused none.

    A failed execution has no output in MLMD, so this is where `components.data_gate` writes it.
    """
    gate = run.nodes.get(_GATE)
    return str(Path(RunPaths.of(config).artifacts, _GATE, REPORT_KEY, str(gate.id))) if gate and gate.is_failed else ""


def _read_refusal(run: RunRecord, config: PipelineConfig) -> str:
    """The sentence with which the data was refused; empty: it wasn't, or the report is gone."""
    numbers = read_numbers(run, config) if locate_refused(run, config) else {}
    refusals = numbers["verdict"]["refusals"] if numbers else []
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
