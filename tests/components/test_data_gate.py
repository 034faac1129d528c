"""DataGate's executor reads the artifacts that the components before it leave, wherever they lie."""

import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2
from tfx.utils import io_utils

from components.artifacts import DataVerdict
from components.data_gate import DataGate, Executor
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.errors import GateError
from reporting.ingestion import IngestionReport

SPLITS = ("train", "eval")


def make_statistics(counts: dict[int, int]) -> bytes:
    """What TFDV says of a split with so many examples of each class, as far as the gate looks."""
    statistics = statistics_pb2.DatasetFeatureStatisticsList()
    dataset = statistics.datasets.add(num_examples=sum(counts.values()))
    label = dataset.features.add(type=statistics_pb2.FeatureNameStatistics.INT)
    label.path.step.append("emotion")
    common = label.string_stats.common_stats
    common.num_non_missing = common.tot_num_values = sum(counts.values())
    common.min_num_values = common.max_num_values = 1
    common.avg_num_values = 1
    for class_index, frequency in counts.items():
        label.string_stats.rank_histogram.buckets.add(label=str(class_index), sample_count=frequency)
    return bytes(statistics.SerializeToString())


def write_split(artifact: Any, split: str, name: str, content: bytes) -> None:
    folder = Path(artifact.uri, f"Split-{split}")
    folder.mkdir()
    (folder / name).write_bytes(content)


@pytest.fixture
def inputs(make_artifact: Callable[..., Any]) -> dict[str, list[Any]]:
    """Artifacts of sound data: ten pictures of each class in both splits, and as many in the data accepted last."""
    made = {key: make_artifact(channel.type) for key, channel in DataGate.SPEC_CLASS.INPUTS.items()}
    for key in ("statistics", "previous_statistics", "anomalies"):
        made[key].split_names = json.dumps(SPLITS)
    even = dict.fromkeys(range(7), 10)
    for split in SPLITS:
        write_split(made["statistics"], split, "FeatureStats.pb", make_statistics(even))
        write_split(made["previous_statistics"], split, "FeatureStats.pb", make_statistics(even))
        write_split(made["anomalies"], split, "SchemaDiff.pb", anomalies_pb2.Anomalies().SerializeToString())
    emitted = {split: dict.fromkeys(DEFAULT_CLASS_NAMES, 10) for split in SPLITS}
    account = IngestionReport({"a.csv": 140}, emitted, {}, {})
    Path(made["quarantine"].uri, "ingestion.json").write_text(account.to_json())
    schema = resources.files("schema").joinpath("schema.pbtxt").read_text("utf-8")
    Path(made["schema"].uri, "schema.pbtxt").write_text(schema)
    return {key: [artifact] for key, artifact in made.items()}


@pytest.fixture(params=["local", "remote"])
def judge(request: Any, make_artifact: Callable[..., Any], move_to_memory: Callable[..., Any]) -> Callable[..., Any]:
    """A function that runs the executor on artifacts on disk and in a bucket, and gives the verdict."""

    def run(inputs: dict[str, list[Any]]) -> dict[str, Any]:
        verdict = make_artifact(DataVerdict)
        if request.param == "remote":
            move_to_memory({**inputs, "verdict": [verdict]})
        Executor().Do(inputs, {"verdict": [verdict]}, {"name": "fer"})
        return json.loads(io_utils.read_string_file(f"{verdict.uri}/verdict.json"))

    return run


def test_data_gate_sound_data_gets_a_verdict(inputs: Any, judge: Any) -> None:
    assert judge(inputs) == {"faults": [], "is_drift_checked": True}


def test_data_gate_first_run_is_not_checked_for_drift(inputs: Any, judge: Any) -> None:
    del inputs["previous_statistics"]
    assert judge(inputs) == {"faults": [], "is_drift_checked": False}


def test_data_gate_faults_are_named_in_one_line(inputs: Any, judge: Any) -> None:
    anomalies = anomalies_pb2.Anomalies()
    found = anomalies.anomaly_info["emotion"]
    found.short_description, found.description = "Unexpected value", "8 is no class"
    Path(inputs["anomalies"][0].uri, "Split-eval", "SchemaDiff.pb").write_bytes(anomalies.SerializeToString())
    skewed = make_statistics({**dict.fromkeys(range(6), 3), 6: 52})
    Path(inputs["previous_statistics"][0].uri, "Split-train", "FeatureStats.pb").write_bytes(skewed)
    with pytest.raises(GateError) as refusal:
        judge(inputs)
    sentence = str(refusal.value)
    assert "\n" not in sentence
    assert "eval: emotion: Unexpected value: 8 is no class" in sentence
    assert "train against the data accepted last: emotion: " in sentence
    page = sentence.rpartition("the page of the run is ")[2]
    assert "8 is no class" in io_utils.read_string_file(page)


def test_data_gate_split_that_lost_examples_is_refused(inputs: Any, judge: Any) -> None:
    fewer = make_statistics({**dict.fromkeys(range(6), 10), 6: 9})
    Path(inputs["statistics"][0].uri, "Split-eval", "FeatureStats.pb").write_bytes(fewer)
    with pytest.raises(GateError, match="eval: found 69 examples, but ingestion wrote 70"):
        judge(inputs)
