"""Compares what two runs made of the same file."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf import json_format
from tensorflow_metadata.proto.v0 import statistics_pb2

_FLOAT_ERROR = 1e-12  # means are merged in the order in which workers finish


def read_examples(node: Any, split: str) -> list[bytes]:
    """All examples of a split, in an order of their own."""
    paths = [str(path) for path in Path(node.outputs["examples"].uri, f"Split-{split}").iterdir()]
    records = tf.data.TFRecordDataset(paths, compression_type="GZIP")
    examples = (tf.train.Example.FromString(record.numpy()) for record in records)
    return sorted(each.SerializeToString(deterministic=True) for each in examples)  # a map has no order of its own


def read_statistics(node: Any, split: str) -> dict[str, Any]:
    """The statistics of a split, by feature."""
    path = Path(node.outputs["statistics"].uri, f"Split-{split}", "FeatureStats.pb")
    statistics = statistics_pb2.DatasetFeatureStatisticsList.FromString(path.read_bytes())
    found = json_format.MessageToDict(statistics.datasets[0])
    return {**found, "features": {"/".join(each["path"]["step"]): each for each in found["features"]}}


def find_differences(one: Any, other: Any, place: str = "", error: float = _FLOAT_ERROR) -> Iterator[str]:
    """Where two nested values differ; floats may, by their last bits or the relative `error`."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for key in one:
            yield from find_differences(one[key], other[key], f"{place}/{key}", error)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, pair in enumerate(zip(one, other, strict=True)):
            yield from find_differences(*pair, f"{place}/{index}", error)
    elif isinstance(one, float) and isinstance(other, float):
        if not math.isclose(one, other, rel_tol=error):
            yield f"{place}: {one!r}, {other!r}"
    elif one != other:
        yield f"{place}: {one!r}, {other!r}"
