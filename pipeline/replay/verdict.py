"""What a replayed run came to, as its report says."""

import json
from pathlib import Path

from pipeline.replay.store import TaskRecord
from pipeline.runners.container.executor_input import find_title
from reporting.report_files import NUMBERS_FILE

# As in components/artifacts.py, which would bring in TFX.
REPORT_TYPE = "components.Report"


def find_report(records: list[TaskRecord]) -> Path | None:
    """Folder of the run's report; None: it made none."""
    made = (artifact for record in records for artifacts in record.artifacts.values() for artifact in artifacts)
    return next((Path(each["path"]) for each in made if find_title(each["type"]) == REPORT_TYPE), None)


def read_refusals(report: Path) -> list[str]:
    """One sentence for each reason why the model was not pushed; empty: it was."""
    refusals: list[str] = json.loads((report / NUMBERS_FILE).read_text("utf-8"))["verdict"]["refusals"]
    return refusals
