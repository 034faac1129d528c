"""What the data gate left behind when it refused a run's data: an execution that failed has no output in MLMD."""

import json
from pathlib import Path

from configs.spec import PipelineConfig
from pipeline.lineage import RunRecord
from pipeline.paths import RunPaths
from reporting.report_files import NUMBERS_FILE, REPORT_KEY

GATE = "DataGate"


def locate_refused(run: RunRecord, config: PipelineConfig) -> str:
    """Folder of the report of data that was refused, as `components.data_gate.executor` has it; empty: it wasn't."""
    gate = run.nodes.get(GATE)
    return str(Path(RunPaths.of(config).artifacts, GATE, REPORT_KEY, str(gate.id))) if gate and gate.is_failed else ""


def read_refusal(run: RunRecord, config: PipelineConfig) -> str:
    """The sentence with which the data was refused; empty: it wasn't, or its report is gone."""
    folder = locate_refused(run, config)
    path = Path(folder, NUMBERS_FILE)
    if not folder or not path.is_file():
        return ""
    refusals = json.loads(path.read_text("utf-8"))["verdict"]["refusals"]
    return str(refusals[0]) if refusals else ""
