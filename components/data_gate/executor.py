"""Loads what the gate checks, runs the checks and refuses by raising."""

import json
import os
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.data_figures import describe_anomalies, load_schema, load_statistics, read_data
from components.data_gate import checks
from components.report_folder import write_report
from fer_tfx.errors import GateError
from reporting import PAGE_FILE, REPORT_KEY
from reporting.ingestion import REPORT_FILE, IngestionReport
from reporting.report_data import ReportData, Verdict

VERDICT_KEY = "verdict"

Artifacts = dict[str, list[types.Artifact]]


class Executor(base_executor.BaseExecutor):  # type: ignore[misc]
    """Refuses by raising, which stops every runner."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Write the verdict; or the page of the run, and raise GateError that names page and faults in one line."""
        self._log_startup(input_dict, output_dict, exec_properties)
        verdict = artifact_utils.get_single_uri(output_dict[VERDICT_KEY])
        if faults := _find_faults(input_dict):
            _refuse(faults, input_dict, _locate_report(verdict), exec_properties["name"])
        has_previous = bool(input_dict.get("previous_statistics"))
        io_utils.write_string_file(
            os.path.join(verdict, "verdict.json"), json.dumps({"faults": [], "is_drift_checked": has_previous})
        )


def _locate_report(verdict: str) -> str:
    """Folder of a refused run's report: <node>/report/<execution> for the verdict in <node>/verdict/<execution>.

    Beside the output, as TFX removes the outputs of a failed execution.
    """
    node, _, execution = verdict.rpartition(f"/{VERDICT_KEY}")
    return f"{node}/{REPORT_KEY}{execution}"


def _refuse(faults: list[str], input_dict: Artifacts, folder: str, name: str) -> None:
    sentence = (
        f"the data gate refused the examples: {'; '.join(faults)}. Correct the data, or the schema if the data"
        f" is right (`fer-tfx schema` writes one from data); the page of the run is {os.path.join(folder, PAGE_FILE)}"
    )
    write_report(folder, ReportData(name, Verdict((sentence,), place=""), read_data(input_dict)))
    raise GateError(sentence)


def _find_faults(input_dict: Artifacts) -> list[str]:
    quarantine = artifact_utils.get_single_uri(input_dict["quarantine"])
    report = IngestionReport.from_json(io_utils.read_string_file(os.path.join(quarantine, REPORT_FILE)))
    if gaps := list(checks.find_gaps(report)):
        return gaps
    statistics = load_statistics(input_dict["statistics"])
    if miscounts := list(checks.find_miscounts(statistics, report)):
        return miscounts
    previous = load_statistics(input_dict.get("previous_statistics", []))
    schema = load_schema(input_dict["schema"])
    return [
        *describe_anomalies(artifact_utils.get_single_instance(input_dict["anomalies"])),
        *checks.find_size_faults(statistics),
        *checks.find_skew(statistics, schema),
        *checks.find_drift(statistics, previous, schema),
    ]
