"""What TFDV found amiss, read from its artifacts and put into sentences."""

import os
from collections.abc import Iterator

from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx import types
from tfx.dsl.io import fileio
from tfx.types import artifact_utils

ANOMALIES_FILE = "SchemaDiff.pb"


def find_anomalies(anomalies: anomalies_pb2.Anomalies, where: str) -> Iterator[str]:
    """One sentence a feature, then those about the whole data set."""
    for feature, info in sorted(anomalies.anomaly_info.items()):
        yield f"{where}: {feature}: {info.short_description}: {info.description}"
    for reason in anomalies.dataset_anomaly_info.reason:
        yield f"{where}: {reason.short_description}: {reason.description}"


def describe_anomalies(artifact: types.Artifact) -> Iterator[str]:
    """The sentences of all splits of an ExampleAnomalies artifact."""
    for split in artifact_utils.decode_split_names(artifact.split_names):
        path = os.path.join(artifact_utils.get_split_uri([artifact], split), ANOMALIES_FILE)
        anomalies = anomalies_pb2.Anomalies.FromString(fileio.open(path, "rb").read())
        yield from find_anomalies(anomalies, split)
