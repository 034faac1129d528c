"""Which older spans are lost, and what is told of those that can't be made anew."""

import json
from pathlib import Path

import pytest
from history_double import HistoryDouble
from tfx import v1 as tfx

from components.data_gate import DataGate
from configs.load import load_config
from configs.spec import SpansConfig
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.errors import DataError
from pipeline.graph import Places, build_components
from pipeline.history import open_store
from pipeline.history.acceptance import find_lost_spans
from pipeline.inputs import Input
from pipeline.lookups import MetadataComparison, find_span_window

GATE = f"{DataGate.__module__}.{DataGate.__name__}"


@pytest.fixture
def data(tmp_path: Path) -> Input:
    """Files of three spans."""
    for span in (1, 2, 3):
        folder = tmp_path / "data" / f"span-{span}"
        folder.mkdir(parents=True)
        (folder / "rows.csv").touch()
    return Input(str(tmp_path / "data"), {"labelled": "span-{SPAN}/*.csv"})


@pytest.fixture
def history(tmp_path: Path, data: Input) -> HistoryDouble:
    """Spans 1 and 2 are accepted."""
    history = HistoryDouble(tmp_path / "fer")
    history.start_run()
    store = open_store(history.path)
    for span in (1, 2):
        config = json.dumps({"splits": [{"name": "labelled", "pattern": f"span-{span}/*.csv"}]})
        parameters = {"input_base": data.base, "input_config": config}
        marks: dict[str, int | str] = {"span": span}
        examples = history.add_node("FerExampleGen", {}, {"examples": "Examples"}, parameters, marks)["examples"]
        statistics = history.add_node("StatisticsGen", {"examples": examples}, {"statistics": "ExampleStatistics"})
        history.add_node(GATE, {"statistics": statistics["statistics"]})
        (artifact,) = store.get_artifacts_by_id([examples])
        artifact.properties["split_names"].string_value = '["train"]'
        store.put_artifacts([artifact])
        folder = Path(artifact.uri, "Split-train")
        folder.mkdir(parents=True)
        (folder / "data.gz").touch()
    return history


def lose(history: HistoryDouble, number: int) -> None:
    folder = sorted((history.home / "artifacts" / "FerExampleGen" / "examples").iterdir())[number - 1]
    (folder / "Split-train" / "data.gz").unlink()


def test_find_lost_spans_all_there_is_none(history, data):
    assert find_lost_spans(history.path, data, 3, DEFAULT_CLASS_NAMES) == []


def test_find_lost_spans_names_those_of_the_window_alone(history, data):
    lose(history, 1)
    assert find_lost_spans(history.path, data, 3, DEFAULT_CLASS_NAMES) == [1]
    assert find_lost_spans(history.path, data, 2, DEFAULT_CLASS_NAMES) == []
    assert find_lost_spans(history.path, data, 1, DEFAULT_CLASS_NAMES) == []
    lose(history, 2)
    assert find_lost_spans(history.path, data, 3, DEFAULT_CLASS_NAMES) == [1, 2]


def test_find_lost_spans_before_the_first_run_is_none(tmp_path, data):
    assert find_lost_spans(tmp_path / "none.sqlite", data, 3, DEFAULT_CLASS_NAMES) == []


def test_find_lost_spans_whose_files_are_gone_too_is_refused_naming_span_and_place(history, data):
    lose(history, 1)
    (Path(data.base) / "span-1" / "rows.csv").unlink()
    with pytest.raises(DataError, match=r"^span 1: its examples in .*/FerExampleGen/examples/\d are damaged or gone"):
        find_lost_spans(history.path, data, 3, DEFAULT_CLASS_NAMES)


def test_span_window_of_one_adds_no_node():
    class GenStub:
        outputs = {"examples": "as they come"}

    assert find_span_window(SpansConfig(), "", GenStub()) == ([], {"examples": "as they come"})


def test_lost_span_of_any_number_is_ingested_beside_the_newest():
    config, data = load_config(overrides=["spans.window=3"]), Input("/data", {"labelled": "span-{SPAN}/*.csv"})
    places = Places(data, "", "/serving", "/checkpoints", MetadataComparison(), lost_spans=[0, 1])
    nodes = build_components(config, places)
    tfx.dsl.Pipeline(pipeline_name="fer", pipeline_root="/root", components=nodes)  # which wants distinct names
    assert {"FerExampleGen", "FerExampleGenOfSpan0", "FerExampleGenOfSpan1"} <= {node.id for node in nodes}
