"""The latest run -> the model that it pushed, with the proof that every gate let it through."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fer_tfx.errors import DataError, GateError
from reporting.ingestion import REPORT_FILE, IngestionReport

if TYPE_CHECKING:
    from pipeline.history import NodeRecord


@dataclass(frozen=True)
class PushedModel:
    """A blessed model where the Pusher put it."""

    folder: Path
    rows: IngestionReport
    """What it was trained and judged on."""


def read_pushed_model(run: Path) -> PushedModel:
    """Find the pushed model of the latest run in the metadata below `run`, `<runtime.root>/<name>`.

    Raises:
        DataError: there is no run, or its model is gone.
        GateError: the Evaluator or ServingCheck gave no blessing, or nothing was pushed.
    """
    store = run / "metadata.sqlite"
    if not store.is_file():
        raise DataError(f"{store}: no such file; give --run the folder of a run, <runtime.root>/<name>")
    from pipeline.history import open_store, read_latest_run

    nodes = read_latest_run(open_store(store))
    for node in ("Evaluator", "ServingCheck"):
        _require(nodes, node, "blessing", "blessed", run)
    pushed = _require(nodes, "Pusher", "pushed_model", "pushed", run)
    folder = Path(str(pushed["pushed_destination"]))
    if not (folder / "saved_model.pb").is_file():
        raise DataError(f"{folder}: the pushed model is gone; run the pipeline again, into an empty serving folder")
    report = Path(nodes["FerExampleGen"].outputs["quarantine"].uri, REPORT_FILE)
    return PushedModel(folder, IngestionReport.from_json(report.read_text("utf-8")))


def _require(
    nodes: dict[str, "NodeRecord"], node: str, output: str, mark: str, run: Path
) -> dict[str, int | float | str]:
    artifact = nodes[node].outputs.get(output) if node in nodes else None
    properties = artifact.properties if artifact else {}
    if not properties.get(mark):
        found = "did not run to its end" if artifact is None else f"gave no mark `{mark}`"
        raise GateError(f"{run}: in the latest run {node} {found}; ship a model that every gate has let through")
    return properties
