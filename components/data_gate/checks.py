"""The checks of the data gate: statistics and anomalies in, faults as sentences out."""

from collections.abc import Iterator

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from components.anomalies import find_anomalies
from components.label_statistics import Statistics
from reporting.ingestion import IngestionReport
from schema.contract import CLASS_NAMES, EVAL_SPLIT, LABEL_KEY, LABELLED_SPLITS, PIXEL_COUNT, PIXELS_KEY, TRAIN_SPLIT


def find_skew(statistics: Statistics, schema: schema_pb2.Schema) -> Iterator[str]:
    """Where eval's labels are distributed otherwise than train's, by the schema's skew comparator."""
    anomalies = tfdv.validate_statistics(
        _label_statistics(statistics[TRAIN_SPLIT]),
        _label_schema(schema, without="drift_comparator"),
        serving_statistics=_label_statistics(statistics[EVAL_SPLIT]),
    )
    yield from find_anomalies(anomalies, "train against eval")


def find_drift(statistics: Statistics, previous: Statistics, schema: schema_pb2.Schema) -> Iterator[str]:
    """Where train's labels are distributed otherwise than in the run before, by the drift comparator."""
    if TRAIN_SPLIT not in previous:
        return
    anomalies = tfdv.validate_statistics(
        _label_statistics(statistics[TRAIN_SPLIT]),
        _label_schema(schema, without="skew_comparator"),
        previous_statistics=_label_statistics(previous[TRAIN_SPLIT]),
    )
    yield from find_anomalies(anomalies, "train against the run before")


def find_gaps(report: IngestionReport) -> Iterator[str]:
    """Train and eval splits, or classes of them, without any example."""
    for split in (TRAIN_SPLIT, EVAL_SPLIT):
        counts = report.emitted.get(split, {})
        missing = [name for name in CLASS_NAMES if not counts.get(name)]
        if missing:
            yield f"{split}: no example of {', '.join(missing)}" if counts else f"{split}: no example"


def find_miscounts(statistics: Statistics, report: IngestionReport) -> Iterator[str]:
    """Splits whose files do not hold as many examples as ingestion says it wrote."""
    for split in LABELLED_SPLITS:
        found = statistics[split].datasets[0].num_examples if split in statistics else 0
        expected = report.split_size(split)
        if found != expected:
            yield f"{split}: {found} examples were read, but ingestion wrote {expected}"


def find_size_faults(statistics: Statistics) -> Iterator[str]:
    """Splits in which a picture does not have 2,304 bytes, which no schema can say of a bytes feature."""
    for split, of_split in statistics.items():
        for feature in of_split.datasets[0].features:
            if feature.path.step == [PIXELS_KEY]:
                sizes = feature.bytes_stats
                if (sizes.min_num_bytes, sizes.max_num_bytes) != (PIXEL_COUNT, PIXEL_COUNT):
                    yield (
                        f"{split}: {PIXELS_KEY}: a picture has {sizes.min_num_bytes:g} to {sizes.max_num_bytes:g}"
                        f" bytes, each must have {PIXEL_COUNT}"
                    )


def _label_statistics(
    statistics: statistics_pb2.DatasetFeatureStatisticsList,
) -> statistics_pb2.DatasetFeatureStatisticsList:
    """The label's statistics alone: ExampleValidator has looked at the other features already."""
    kept = statistics_pb2.DatasetFeatureStatisticsList()
    kept.CopyFrom(statistics)
    for dataset in kept.datasets:
        features = [feature for feature in dataset.features if feature.path.step == [LABEL_KEY]]
        del dataset.features[:]
        dataset.features.extend(features)
    return kept


def _label_schema(schema: schema_pb2.Schema, without: str) -> schema_pb2.Schema:
    """The label's part of the schema, less one comparator."""
    kept = schema_pb2.Schema()
    kept.feature.extend(feature for feature in schema.feature if feature.name == LABEL_KEY)
    for feature in kept.feature:
        feature.ClearField(without)
        del feature.not_in_environment[:]
    return kept
