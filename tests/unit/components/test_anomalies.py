"""TFDV's anomalies as sentences."""

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2

from components.anomalies import find_anomalies


def test_find_anomalies_features_in_order_then_the_data_set_are_sentences():
    anomalies = text_format.Parse(
        """
        anomaly_info { key: "row" value { short_description: "Out-of-range values" description: "Row is -1." } }
        anomaly_info { key: "emotion" value { short_description: "Column dropped" description: "No label." } }
        dataset_anomaly_info { reason { short_description: "Few examples" description: "Found 3." } }
        """,
        anomalies_pb2.Anomalies(),
    )
    assert list(find_anomalies(anomalies, "eval")) == [
        "eval: emotion: Column dropped: No label.",
        "eval: row: Out-of-range values: Row is -1.",
        "eval: Few examples: Found 3.",
    ]


def test_find_anomalies_clean_statistics_find_nothing():
    assert list(find_anomalies(anomalies_pb2.Anomalies(), "train")) == []
