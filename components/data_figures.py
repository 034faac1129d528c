"""Artifacts of ingestion and validation -> what a report says of the data."""

import json
import os
from collections import Counter
from collections.abc import Iterator

from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.anomalies import describe_anomalies
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
        quarantined=tuple(_choose_quarantined(quarantine)),
        anomalies=tuple(describe_anomalies(artifact_utils.get_single_instance(inputs["anomalies"]))),
        label_shift=read_label_shift(inputs),
    )


def _choose_quarantined(folder: str) -> Iterator[QuarantinedRow]:
    """The first rows of each reason, by file and line."""
    texts = [io_utils.read_string_file(path) for path in fileio.glob(os.path.join(folder, "rows-*.jsonl"))]
    rows = [json.loads(line) for text in texts for line in text.splitlines()]
    seen: Counter[str] = Counter()
    for row in sorted(rows, key=lambda row: (row["reason"], row["source"], row["line"])):
        seen[row["reason"]] += 1
        if seen[row["reason"]] <= _EXAMPLES_PER_REASON:
            yield QuarantinedRow(**{key: row[key] for key in ("source", "line", "reason", "detail", "text")})
