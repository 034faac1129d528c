"""DataGate's executor on real artifacts: statistics and anomalies as TFDV makes them."""

import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.data_figures import count_labels
from components.data_gate import DataGate, Executor
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.errors import GateError
from reporting.ingestion import IngestionReport

SCHEMA = resources.files("schema").joinpath("schema.pbtxt").read_text("utf-8")
EVEN = (20, 20, 20, 20, 20, 20, 20)
MOSTLY_HAPPY = (20, 20, 20, 140, 20, 20, 20)


def make_statistics(counts: tuple[int, ...]) -> Any:
    """Of the labels alone."""
    labels = [index for index, count in enumerate(counts) for _ in range(count)]
    schema = text_format.Parse(SCHEMA, schema_pb2.Schema())
    return tfdv.generate_statistics_from_dataframe(
        pd.DataFrame({"emotion": labels}), tfdv.StatsOptions(schema=schema), n_jobs=1
    )


def write_statistics(artifact: Any, **splits: tuple[int, ...]) -> list[Any]:
    artifact.split_names = json.dumps(list(splits))
    for split, counts in splits.items():
        folder = Path(artifact.uri, f"Split-{split}")
        folder.mkdir()
        (folder / "FeatureStats.pb").write_bytes(make_statistics(counts).SerializeToString())
    return [artifact]


@pytest.fixture
def run(make_artifact: Callable[..., Any]) -> Callable[..., None]:
    """A function that runs the gate on labels by split, with those of train in the data accepted last, if any."""

    def do(verdict: Path, previous: tuple[int, ...] | None = None, **splits: tuple[int, ...]) -> None:
        made = {key: make_artifact(channel.type) for key, channel in DataGate.SPEC_CLASS.INPUTS.items()}
        inputs = {key: [artifact] for key, artifact in made.items()}
        write_statistics(made["statistics"], **splits)
        inputs["previous_statistics"] = (
            write_statistics(made["previous_statistics"], train=previous) if previous else []
        )
        Path(made["schema"].uri, "schema.pbtxt").write_text(SCHEMA)
        made["anomalies"].split_names = "[]"
        emitted = {split: dict(zip(DEFAULT_CLASS_NAMES, counts, strict=True)) for split, counts in splits.items()}
        rows = IngestionReport({"a.csv": 999}, emitted, {}, {})
        Path(made["quarantine"].uri, "ingestion.json").write_text(rows.to_json())
        output = make_artifact(DataGate.SPEC_CLASS.OUTPUTS["verdict"].type)
        verdict.mkdir(parents=True)
        output.uri = str(verdict)
        Executor().Do(inputs, {"verdict": [output]}, {"name": "fer"})

    return do


def test_count_labels_are_those_of_each_class_in_class_order() -> None:
    assert count_labels(make_statistics((3, 0, 1, 0, 0, 0, 12)), 7) == (3, 0, 1, 0, 0, 0, 12)


def test_data_gate_sound_data_leaves_a_verdict_and_no_page(run: Any, tmp_path: Path) -> None:
    verdict = tmp_path / "DataGate" / "verdict" / "7"
    run(verdict, train=EVEN, eval=EVEN)
    assert json.loads((verdict / "verdict.json").read_text()) == {"faults": [], "is_drift_checked": False}
    assert list((tmp_path / "DataGate").iterdir()) == [verdict.parent]


def test_data_gate_drifted_labels_are_refused_with_a_page_that_says_the_same(run: Any, tmp_path: Path) -> None:
    with pytest.raises(GateError) as refused:
        run(tmp_path / "DataGate" / "verdict" / "7", previous=MOSTLY_HAPPY, train=EVEN, eval=EVEN)
    folder = tmp_path / "DataGate" / "report" / "7"
    assert "train against the data accepted last: emotion: the shares of happy differ by 0.3956" in str(refused.value)
    assert "Correct the data, or the schema if the data is right (`fer-tfx schema` writes one from" in str(
        refused.value
    )
    assert str(refused.value).endswith(f"; the page of the run is {folder / 'report.html'}")
    numbers = json.loads((folder / "report.json").read_text())
    assert numbers["verdict"] == {"refusals": [str(refused.value)], "place": "", "is_pushed": False}
    train, _ = numbers["data"]["label_shift"]["splits"]
    assert (train["now"], train["before"]) == (list(EVEN), list(MOSTLY_HAPPY))
    distances = {each["between"]: each for each in numbers["data"]["label_shift"]["distances"]}
    # 140 of 260 were happy, 20 of 140 are.
    drift = distances["train and train of the data accepted last"]
    assert drift["distance"] == pytest.approx(140 / 260 - 1 / 7)
    assert drift["bound"] == pytest.approx(0.1)
    assert "no model was trained on this data" in (folder / "report.html").read_text()


def test_data_gate_missing_eval_split_is_refused_with_a_page(run: Any, tmp_path: Path) -> None:
    remedy = r"Correct the data, or data\.classes if it names a class that the data doesn't have; "  # no schema helps
    with pytest.raises(GateError, match=rf"eval: no example\. {remedy}"):
        run(tmp_path / "DataGate" / "verdict" / "7", train=EVEN)
    numbers = json.loads((tmp_path / "DataGate" / "report" / "7" / "report.json").read_text())
    assert [each["split"] for each in numbers["data"]["label_shift"]["splits"]] == ["train"]
