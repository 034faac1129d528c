"""What a run was measured to be."""

import dataclasses
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fer_tfx.contract import EXTRA_ASSETS_DIR, TRAINING_RECORD_FILE
from fer_tfx.quiet import hush_libraries, output_in_log
from pipeline.lineage import ArtifactRecord, RunRecord
from reporting.ingestion import REPORT_FILE, IngestionReport

if TYPE_CHECKING:
    from pipeline.outcome import Outcome

FIGURES_NOTE = "figures"
_MODEL_DIR = "Format-Serving"  # where TFX's Trainer puts the SavedModel within its artifact
_JUDGES = ("FerExampleGen", "Trainer", "Evaluator", "ServingCheck", "Pusher", "BulkInferrer")


@dataclass(frozen=True)
class Figures:
    """The Evaluator's figures and the verdict, as `fer-tfx run` told them."""

    eval_count: int
    accuracy: float
    macro_f1: float
    recalls: dict[str, float]
    """By class name."""
    refusals: tuple[str, ...]
    """Why the model was not pushed; empty: it was."""

    @classmethod
    def of(cls, outcome: "Outcome") -> "Figures":
        return cls(
            outcome.eval_count, outcome.accuracy, outcome.macro_f1, dict(outcome.recalls), tuple(outcome.refusals)
        )

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Figures":
        plain = json.loads(text)
        return cls(**{**plain, "refusals": tuple(plain["refusals"])})


@dataclass(frozen=True)
class TrainingFigures:
    """What a training was."""

    epochs: int
    seconds: float
    """Of all epochs together, as far as they were noted."""
    parameters: int


def read_figures(run: RunRecord) -> Figures | None:
    """From the run's own note; for a run that left none, from its evaluation, which imports TFMA. None: not judged."""
    if FIGURES_NOTE in run.notes:
        return Figures.from_json(str(run.notes[FIGURES_NOTE]))
    if not _is_judged(run):
        return None
    hush_libraries()
    with tempfile.TemporaryDirectory() as folder, output_in_log(Path(folder, "log")):
        from pipeline.outcome import read_outcome

        return Figures.of(read_outcome(run.nodes))


def read_rows(run: RunRecord) -> IngestionReport | None:
    """The account of all rows; None: there is none, or no longer."""
    uri = find_uri(run, "FerExampleGen", "quarantine")
    path = Path(uri, REPORT_FILE)
    return IngestionReport.from_json(path.read_text("utf-8")) if uri and path.is_file() else None


def read_training(run: RunRecord) -> TrainingFigures | None:
    """From the record that lies beside the exported graph; None: there is none, or no longer."""
    uri = find_uri(run, "Trainer", "model")
    path = Path(uri, _MODEL_DIR, EXTRA_ASSETS_DIR, TRAINING_RECORD_FILE)
    if not uri or not path.is_file():
        return None
    record = json.loads(path.read_text("utf-8"))
    seconds = sum(epoch["seconds"] for epoch in record["history"])
    return TrainingFigures(len(record["history"]), seconds, record["parameters"])


def read_model_bytes(run: RunRecord) -> int | None:
    """Size of the exported model with all that lies beside the graph; None: there is none, or no longer."""
    uri = find_uri(run, "Trainer", "model")
    files = [path for path in Path(uri, _MODEL_DIR).rglob("*") if path.is_file()] if uri else []
    return sum(path.stat().st_size for path in files) or None


def find_artifact(run: RunRecord, node: str, output: str) -> ArtifactRecord | None:
    """An output of a node; None: the node did not come so far."""
    record = run.nodes.get(node)
    return record.outputs.get(output) if record else None


def find_uri(run: RunRecord, node: str, output: str) -> str:
    """Where an output of a node lies; empty: the node did not come so far."""
    artifact = find_artifact(run, node, output)
    return artifact.uri if artifact else ""


def _is_judged(run: RunRecord) -> bool:
    """Whether `read_outcome` has all that it reads: nodes that came to their end, files that lie there still."""
    if not all(name in run.nodes and run.nodes[name].is_finished for name in _JUDGES):
        return False
    return read_rows(run) is not None and Path(find_uri(run, "Evaluator", "evaluation")).is_dir()
