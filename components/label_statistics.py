"""TFDV's statistics of the labels, as numbers of rows by class."""

from collections.abc import Mapping
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2
from tfx import types
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.types import artifact_utils
from tfx.utils import io_utils

from fer_tfx.contract import CLASS_COUNT, LABEL_KEY
from reporting.label_shift import Counts, LabelShift, compute_label_shift

Statistics = Mapping[str, statistics_pb2.DatasetFeatureStatisticsList]


def load_statistics(artifacts: list[types.Artifact]) -> Statistics:
    """Statistics by split; nothing for no artifact."""
    return {
        split: stats_artifact_utils.load_statistics(artifact, split).proto()
        for artifact in artifacts
        for split in artifact_utils.decode_split_names(artifact.split_names)
    }


def load_schema(artifacts: list[types.Artifact]) -> schema_pb2.Schema:
    """The schema of the one artifact there is."""
    return io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(artifact_utils.get_single_uri(artifacts)))


def read_label_shift(inputs: dict[str, list[types.Artifact]]) -> LabelShift:
    """From `statistics`, `previous_statistics`, which may be missing, and `schema`."""
    now, before = (load_statistics(inputs.get(key, [])) for key in ("statistics", "previous_statistics"))
    schema = load_schema(inputs["schema"])
    return compute_label_shift(
        {split: count_labels(of_split) for split, of_split in now.items()},
        {split: count_labels(of_split) for split, of_split in before.items()},
        skew_bound=find_bound(schema, "skew_comparator"),
        drift_bound=find_bound(schema, "drift_comparator"),
    )


def count_labels(statistics: statistics_pb2.DatasetFeatureStatisticsList) -> Counts:
    """Rows by class, in class order; labels that are no class are left out, and no label gives zeros."""
    counts = [0] * CLASS_COUNT
    for dataset in statistics.datasets:
        for feature in dataset.features:
            if feature.path.step == [LABEL_KEY]:
                for bucket in feature.string_stats.rank_histogram.buckets:
                    if bucket.label.isdecimal() and int(bucket.label) < CLASS_COUNT:
                        counts[int(bucket.label)] += int(bucket.sample_count)
    return tuple(counts)


def find_bound(schema: schema_pb2.Schema, comparator: str) -> float | None:
    """The L-infinity bound of one of the label's comparators, `skew_comparator` or `drift_comparator`."""
    norm = _find_comparator(schema, comparator).infinity_norm
    return float(norm.threshold) if norm.HasField("threshold") else None


def list_unjudged_norms(schema: schema_pb2.Schema, comparator: str) -> list[str]:
    """Measures that one of the label's comparators bounds beside the L-infinity distance."""
    return [
        field.name for field, _ in _find_comparator(schema, comparator).ListFields() if field.name != "infinity_norm"
    ]


def _find_comparator(schema: schema_pb2.Schema, comparator: str) -> Any:
    of_label = (getattr(feature, comparator) for feature in schema.feature if feature.name == LABEL_KEY)
    return next(of_label, schema_pb2.FeatureComparator())
