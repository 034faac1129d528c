"""Artifacts of ingestion and validation -> what a report says of the data."""

from collections import defaultdict
from dataclasses import fields

from tfx.types import artifact_utils

from components.anomalies import describe_anomalies
from components.artifacts import iter_quarantined
from components.label_statistics import read_label_shift
from components.model_facts import Artifacts, read_rows
from reporting.report_data import DataFigures, QuarantinedRow

_EXAMPLES_PER_REASON = 3


def read_data(inputs: Artifacts) -> DataFigures:
    """The account of rows, a few quarantined ones, TFDV's anomalies, and the labels now and before.

    Args:
        inputs: `quarantine`, `anomalies`, `schema`, `statistics` and, if there is one, `previous_statistics`.
    """
    quarantine = artifact_utils.get_single_uri(inputs["quarantine"])
    return DataFigures(
        rows=read_rows(quarantine),
        quarantined=choose_quarantined(quarantine),
        anomalies=tuple(describe_anomalies(artifact_utils.get_single_instance(inputs["anomalies"]))),
        label_shift=read_label_shift(inputs),
    )


def choose_quarantined(folder: str) -> tuple[QuarantinedRow, ...]:
    """The first three rows of each reason, by file and line; no more of them are held.

    Args:
        folder: URI of a `Quarantine` artifact.
    """
    names = [field.name for field in fields(QuarantinedRow)]
    first: dict[str, list[QuarantinedRow]] = defaultdict(list)
    for row in iter_quarantined(folder):
        of_reason = first[row["reason"]]
        of_reason.append(QuarantinedRow(**{name: row[name] for name in names}))
        of_reason.sort(key=lambda each: (each.source, each.line))
        del of_reason[_EXAMPLES_PER_REASON:]
    return tuple(row for reason in sorted(first) for row in first[reason])
