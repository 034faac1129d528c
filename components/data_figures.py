"""Artifacts of ingestion and validation -> what gate, card and page say about the data."""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import fields
from itertools import islice
from typing import Any

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.dsl.io import fileio
from tfx.types import Artifact, artifact_utils
from tfx.utils import io_utils

from components.artifacts import PICTURE_KEY, Artifacts, iter_conflicts, iter_quarantined
from fer_tfx.contract import LABEL_KEY
from reporting.ingestion import REPORT_FILE, IngestionReport
from reporting.label_shift import Counts, compute_label_shift
from reporting.report_data import Conflict, DataFigures, QuarantinedRow

ANOMALIES_FILE = "SchemaDiff.pb"
_EXAMPLES_PER_REASON = 3
_CONFLICTS_SHOWN = 12

_QUARANTINED_FIELDS = {each.name for each in fields(QuarantinedRow)}
Statistics = Mapping[str, statistics_pb2.DatasetFeatureStatisticsList]


def read_data(inputs: Artifacts) -> DataFigures:
    """From `quarantine`, `anomalies`, `schema`, `statistics` and, if there is one, `previous_statistics`."""
    quarantine, schema = artifact_utils.get_single_uri(inputs["quarantine"]), load_schema(inputs["schema"])
    rows = read_rows(quarantine)
    now, before = (
        {
            split: count_labels(of_split, len(rows.classes))
            for split, of_split in load_statistics(inputs.get(key, [])).items()
        }
        for key in ("statistics", "previous_statistics")
    )
    skew, drift = (find_bound(schema, comparator)[0] for comparator in ("skew_comparator", "drift_comparator"))
    return DataFigures(
        rows=rows,
        quarantined=choose_quarantined(quarantine),
        anomalies=tuple(describe_anomalies(artifact_utils.get_single_instance(inputs["anomalies"]))),
        label_shift=compute_label_shift(now, before, skew, drift, rows.classes),
        conflicts=tuple(map(_describe_conflict, islice(iter_conflicts(quarantine), _CONFLICTS_SHOWN))),
    )


def _describe_conflict(found: dict[str, Any]) -> Conflict:
    labels = (f"{each['label']}: {each['source']}, row {each['row']}, {each['split']}" for each in found["rows"])
    return Conflict(tuple(labels), found[PICTURE_KEY])


def read_rows(quarantine: str) -> IngestionReport:
    """The account of all rows, from the URI of the quarantine."""
    return IngestionReport.from_json(io_utils.read_string_file(os.path.join(quarantine, REPORT_FILE)))


def choose_quarantined(quarantine: str) -> tuple[QuarantinedRow, ...]:
    """The first three rows of each reason, by file and line; no more than that are held in memory."""
    first: dict[str, list[QuarantinedRow]] = defaultdict(list)
    for row in iter_quarantined(quarantine):
        of_reason = first[row["reason"]]
        of_reason.append(QuarantinedRow(**{name: row[name] for name in _QUARANTINED_FIELDS & row.keys()}))
        of_reason.sort(key=lambda each: (each.source, each.line))
        del of_reason[_EXAMPLES_PER_REASON:]
    return tuple(row for reason in sorted(first) for row in first[reason])


def describe_anomalies(artifact: Artifact) -> Iterator[str]:
    """The sentences of all splits of an ExampleAnomalies artifact."""
    for split in artifact_utils.decode_split_names(artifact.split_names):
        path = os.path.join(artifact_utils.get_split_uri([artifact], split), ANOMALIES_FILE)
        yield from find_anomalies(anomalies_pb2.Anomalies.FromString(fileio.open(path, "rb").read()), split)


def find_anomalies(anomalies: anomalies_pb2.Anomalies, where: str) -> Iterator[str]:
    """One sentence a feature, then those about the whole data set."""
    for feature, info in sorted(anomalies.anomaly_info.items()):
        yield f"{where}: {feature}: {info.short_description}: {info.description}"
    for reason in anomalies.dataset_anomaly_info.reason:
        yield f"{where}: {reason.short_description}: {reason.description}"


def load_statistics(artifacts: list[Artifact]) -> Statistics:
    """Statistics by split; empty for no artifact."""
    return {
        split: stats_artifact_utils.load_statistics(artifact, split).proto()
        for artifact in artifacts
        for split in artifact_utils.decode_split_names(artifact.split_names)
    }


def load_schema(artifacts: list[Artifact]) -> schema_pb2.Schema:
    """The schema of the only artifact."""
    return io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(artifact_utils.get_single_uri(artifacts)))


def count_labels(statistics: statistics_pb2.DatasetFeatureStatisticsList, class_count: int) -> Counts:
    """Rows by class, in class order, without labels that are no class; zeros if there is no label."""
    counts = [0] * class_count
    for dataset in statistics.datasets:
        for feature in dataset.features:
            if feature.path.step == [LABEL_KEY]:
                for bucket in feature.string_stats.rank_histogram.buckets:
                    if bucket.label.isdecimal() and int(bucket.label) < class_count:
                        counts[int(bucket.label)] += int(bucket.sample_count)
    return tuple(counts)


def find_bound(schema: schema_pb2.Schema, comparator: str) -> tuple[float | None, list[str]]:
    """The L-infinity bound of the label's `skew_comparator` or `drift_comparator`, and names of its other measures."""
    of_label = (getattr(feature, comparator) for feature in schema.feature if feature.name == LABEL_KEY)
    found = next(of_label, schema_pb2.FeatureComparator())
    others = [field.name for field, _ in found.ListFields() if field.name != "infinity_norm"]
    return float(found.infinity_norm.threshold) if found.infinity_norm.HasField("threshold") else None, others
