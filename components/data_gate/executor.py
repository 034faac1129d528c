"""Loads what the gate looks at, runs the checks and refuses by raising."""

import json
import os
from typing import Any

from tfx import types
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.anomalies import describe_anomalies
from components.data_gate import checks
from reporting.ingestion import REPORT_FILE, IngestionReport
from schema.errors import GateError

Artifacts = dict[str, list[types.Artifact]]


class Executor(base_executor.BaseExecutor):  # type: ignore[misc]
    """Refuses by raising, which stops every runner."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Write the verdict, or raise GateError that names every fault in one line."""
        self._log_startup(input_dict, output_dict, exec_properties)
        anomalies = artifact_utils.get_single_instance(input_dict["anomalies"])
        faults = list(_find_faults(input_dict))
        if faults:
            raise GateError(
                f"the data gate refused the examples: {'; '.join(faults)}. Mend the data, or the schema if the data"
                f" is right (`fer-tfx schema` writes one from data); the anomalies are in {anomalies.uri}"
            )
        verdict = artifact_utils.get_single_uri(output_dict["verdict"])
        has_previous = bool(input_dict.get("previous_statistics"))
        io_utils.write_string_file(
            os.path.join(verdict, "verdict.json"),
            json.dumps({"faults": [], "is_drift_checked": has_previous}),
        )


def _find_faults(input_dict: Artifacts) -> list[str]:
    quarantine = artifact_utils.get_single_uri(input_dict["quarantine"])
    report = IngestionReport.from_json(io_utils.read_string_file(os.path.join(quarantine, REPORT_FILE)))
    if gaps := list(checks.find_gaps(report)):
        return gaps
    statistics = _load_statistics(input_dict["statistics"])
    if miscounts := list(checks.find_miscounts(statistics, report)):
        return miscounts
    previous = _load_statistics(input_dict.get("previous_statistics", []))
    schema_uri = artifact_utils.get_single_uri(input_dict["schema"])
    schema = io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(schema_uri))
    return [
        *describe_anomalies(artifact_utils.get_single_instance(input_dict["anomalies"])),
        *checks.find_size_faults(statistics),
        *checks.find_skew(statistics, schema),
        *checks.find_drift(statistics, previous, schema),
    ]


def _load_statistics(artifacts: list[types.Artifact]) -> checks.Statistics:
    """Statistics by split; nothing for no artifact."""
    return {
        split: stats_artifact_utils.load_statistics(artifact, split).proto()
        for artifact in artifacts
        for split in artifact_utils.decode_split_names(artifact.split_names)
    }
