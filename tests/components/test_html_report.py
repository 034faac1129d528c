"""HtmlReport's executor on small real artifacts: TFRecords, a SavedModel and what the other components leave."""

import base64
import dataclasses
import io
import json
import re
import tracemalloc
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from PIL import Image
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2
from tfx import types
from tfx.proto.orchestration import pipeline_pb2
from tfx.types import standard_artifacts
from tfx.utils import io_utils

from components.artifacts import Quarantine, Report
from components.html_report import Executor, HtmlReport
from components.metrics.corrupted_accuracy import ANSWERS_KEY
from configs.load import to_json
from configs.spec import GateConfig, PipelineConfig
from fer_tfx.contract import DEFAULT_CLASS_NAMES, IMAGE_SHAPE, PROBABILITIES_KEY, SERVE_PIXELS
from pipeline.eval_config import build_eval_config
from reporting import REPORT_KEY
from reporting.corruptions import CORRUPTIONS
from reporting.ingestion import IngestionReport
from reporting.report_data import RUN_NOTE, RunFacts
from reporting.row_answers import RowAnswers
from reporting.serving_figures import FIGURES_FILE, ServingFigures
from schema.example import to_example

TRUE = [0, 1, 2, 3, 4, 5, 6, 0, 1]
SAID = [0, 1, 2, 3, 4, 5, 6, 1, 1]  # row 7 alone is wrong
SCHEMA = resources.files("schema").joinpath("schema.pbtxt").read_text("utf-8")
BASELINE_SHIFT = 1  # the baseline says the next class, which is never right


class FirstPixelModelDouble(tf.Module):  # type: ignore[misc]
    """Stands in for an exported network: the first pixel, shifted, is the class it is 64 % sure of."""

    def __init__(self, shift: int):
        super().__init__()
        self._shift = shift

    @tf.function(input_signature=[tf.TensorSpec([None, *IMAGE_SHAPE], tf.uint8, name="pixels")])
    def serve_pixels(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        said = (tf.cast(pixels[:, 0, 0, 0], tf.int32) + self._shift) % 7
        return {PROBABILITIES_KEY: tf.one_hot(said, 7, on_value=0.64, off_value=0.06)}


def save_model(uri: str, shift: int = 0) -> None:
    folder = Path(uri, "Format-Serving")
    module = FirstPixelModelDouble(shift)
    tf.saved_model.save(module, str(folder), signatures={SERVE_PIXELS: module.serve_pixels})
    extra = folder / "assets.extra"
    extra.mkdir()
    (extra / "class_names.txt").write_text("".join(f"{name}\n" for name in DEFAULT_CLASS_NAMES))
    (extra / "calibration.json").write_text(json.dumps({"temperature": 1.5, "abstain_threshold": 0.6}))
    epoch = {"epoch": 1, "loss": 1.5, "accuracy": 0.4, "eval_loss": 1.2, "eval_accuracy": 0.5, "learning_rate": 0.0}
    record = {
        "parameters": 99, "precision": "float32", "model": {"stem_filters": 8}, "trainer": {"epochs": 1},
        "history": [{**epoch, "seconds": 2.0}],
    }  # fmt: skip
    (extra / "training_record.json").write_text(json.dumps(record))


def write_split(uri: str, split: str, labels: list[int], first_pixels: list[int]) -> None:
    folder = Path(uri, f"Split-{split}")
    folder.mkdir()
    with tf.io.TFRecordWriter(str(folder / "data.gz"), "GZIP") as writer:
        for row, (label, first) in enumerate(zip(labels, first_pixels, strict=True)):
            pixels = np.full(48 * 48, 10 * row % 256, np.uint8)
            pixels[0] = first
            writer.write(to_example(pixels.tobytes(), label, "a.csv", row).SerializeToString())


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> str:
    """URI of that of a model that is right about each picture with a masked half, and about no other corrupted one."""
    rows = pd.DataFrame(
        {
            "emotion": TRUE,
            "probabilities": np.eye(7)[SAID].tolist(),
            ANSWERS_KEY: [[(label + 1) % 7] * 7 + [label] for label in TRUE],
        }
    )
    config = tfma.utils.update_eval_config_with_defaults(
        build_eval_config(GateConfig(), ""), has_baseline=False, rubber_stamp=True
    )
    folder = str(tmp_path_factory.mktemp("evaluation"))
    tfma.analyze_raw_data(rows, config, output_path=folder)
    return folder


def write_statistics(uri: str, count_happy: int) -> None:
    """Statistics of the labels of a train split."""
    statistics = statistics_pb2.DatasetFeatureStatisticsList()
    label = statistics.datasets.add(num_examples=count_happy).features.add()
    label.path.step.append("emotion")
    label.string_stats.rank_histogram.buckets.add(label="3", sample_count=count_happy)
    folder = Path(uri, "Split-train")
    folder.mkdir()
    (folder / "FeatureStats.pb").write_bytes(statistics.SerializeToString())


@pytest.fixture
def inputs(make_artifact: Callable[..., Any], evaluation: str) -> dict[str, list[Any]]:
    """Artifacts of a run that was pushed and had no baseline."""
    made = {key: make_artifact(channel.type) for key, channel in HtmlReport.SPEC_CLASS.INPUTS.items()}
    del made["baseline_model"], made["service_model"], made["previous_statistics"]
    Path(made["schema"].uri, "schema.pbtxt").write_text(SCHEMA)
    made["statistics"].split_names = '["train"]'
    write_statistics(made["statistics"].uri, count_happy=2)
    save_model(made["model"].uri)
    made["examples"].split_names = '["train", "eval"]'
    made["examples"].set_string_custom_property("input_fingerprint", "split:labelled,num_files:1")
    write_split(made["examples"].uri, "train", [3, 3], [100, 200])
    write_split(made["examples"].uri, "eval", TRUE, SAID)
    rows = IngestionReport({"a.csv": 12}, {"train": {"happy": 2}, "eval": {"angry": 9}}, {}, {"unknown label": 1})
    Path(made["quarantine"].uri, "ingestion.json").write_text(rows.to_json())
    bad = {"source": "a.csv", "line": 5, "reason": "unknown label", "detail": "8 is no class", "text": "8,0 0"}
    Path(made["quarantine"].uri, "rows-0.jsonl").write_text(
        "".join(json.dumps({**bad, "line": line}) + "\n" for line in (9, 5, 7, 8))
    )
    Path(made["card"].uri, "MODEL_CARD.md").write_text("# Card of <fer>\n")
    made["anomalies"].split_names = '["eval"]'
    folder = Path(made["anomalies"].uri, "Split-eval")
    folder.mkdir()
    (folder / "SchemaDiff.pb").write_bytes(anomalies_pb2.Anomalies().SerializeToString())
    made["evaluation"].uri = evaluation
    Path(made["infra_blessing"].uri, FIGURES_FILE).write_text(ServingFigures(1_500_000, 2.0, 1.0).to_json())
    for key, name in (("model_blessing", "blessed"), ("infra_blessing", "blessed"), ("pushed_model", "pushed")):
        made[key].set_int_custom_property(name, 1)
    made["pushed_model"].set_string_custom_property("pushed_destination", "/serving/17")
    return {key: [artifact] for key, artifact in made.items()}


@pytest.fixture
def kept() -> list[Any]:
    """The reports that were written, in their order."""
    return []


@pytest.fixture
def run(
    make_artifact: Callable[..., Any], move_to_memory: Callable[..., Any], kept: list[Any]
) -> Callable[..., tuple[dict[str, Any], str]]:
    """A function that runs the executor and gives the numbers and the page."""

    def do(inputs: dict[str, list[Any]], *, is_remote: bool = False, context: Any = None) -> tuple[dict[str, Any], str]:
        report = make_artifact(Report)
        kept.append(report)
        if is_remote:
            move_to_memory({**inputs, REPORT_KEY: [report]})
        settings = {"name": "fer", "model": {}, "trainer": {}, "gate": {"max_accuracy_drop": 0.01}}
        properties = {"settings": json.dumps(settings), "stage_code": '{"Trainer": "0abc"}'}
        Executor(context).Do(inputs, {REPORT_KEY: [report]}, properties)
        page = io_utils.read_string_file(f"{report.uri}/report.html")
        return json.loads(io_utils.read_string_file(f"{report.uri}/report.json")), page

    return do


def test_html_report_pushed_model_has_the_figures_of_the_exported_model(inputs: Any, run: Any) -> None:
    numbers, page = run(inputs)
    assert numbers["verdict"] == {"refusals": [], "place": "/serving/17", "is_pushed": True}
    accuracy = numbers["evaluation"]["accuracy"]
    assert (accuracy["fraction"], accuracy["count"]) == (pytest.approx(8 / 9), 9)
    (mistake,) = numbers["evaluation"]["mistakes"]
    assert (mistake["source"], mistake["row"], mistake["true_class"], mistake["predicted_class"]) == (
        "a.csv", 7, "angry", "disgust",
    )  # fmt: skip
    assert mistake["confidence"] == pytest.approx(0.64)
    assert numbers["evaluation"]["abstain"]["threshold"] == 0.6
    assert [each[0] for each in mistake["ranking"][:1]] == ["disgust"]
    assert "<strong>Pushed</strong>" in page
    assert "<pre># Card of &lt;fer&gt;\n</pre>" in page


def test_html_report_robustness_and_serving_are_what_the_gates_measured(inputs: Any, run: Any) -> None:
    numbers, page = run(inputs)
    assert [each["corruption"] for each in numbers["robustness"]] == list(CORRUPTIONS)
    accuracies = [each["accuracy"]["fraction"] for each in numbers["robustness"]]
    assert accuracies == [0, 0, 0, 0, 0, 0, 0, 1]
    assert numbers["robustness"][-1]["relative"] == pytest.approx(9 / 8)
    assert (numbers["serving"]["model_bytes"], numbers["serving"]["latency_ratio"]) == (1_500_000, 2.0)
    assert "lower half black" in page


def test_html_report_keeps_the_answers_and_shows_what_the_mistake_rests_on(inputs: Any, run: Any, kept: Any) -> None:
    _, page = run(inputs)
    answers = RowAnswers.from_bytes(Path(kept[0].uri, "answers.npz").read_bytes())
    assert (answers.class_names, answers.predicted.tolist()) == (DEFAULT_CLASS_NAMES, SAID)
    assert len(set(answers.digests.tolist())) == 9
    # The model looks at the first pixel alone, which four of the 81 squares cover.
    (heat,) = re.findall(r'src="data:image/png;base64,([^"]+)" alt="What the answer disgust rests on"', page)
    assert np.flatnonzero(np.asarray(Image.open(io.BytesIO(base64.b64decode(heat))))[..., 3]).tolist() == [0, 1, 9, 10]


def test_html_report_names_the_run_that_its_context_tells_of(inputs: Any, run: Any) -> None:
    told = RunFacts("2026-11-30 03:00:00 UTC", 7, "fer-tfx run", "0.1.0")
    node = pipeline_pb2.PipelineNode()
    note = node.contexts.contexts.add().properties[RUN_NOTE]
    note.field_value.string_value = json.dumps(dataclasses.asdict(told))
    numbers, page = run(inputs, context=Executor.Context(pipeline_node=node))
    assert numbers["run"] == dataclasses.asdict(told)
    assert "Run 7 of <code>fer</code>" in page
    assert run(inputs)[0]["run"]["number"] is None


def test_html_report_training_and_lineage_are_those_of_the_artifacts(inputs: Any, run: Any) -> None:
    numbers, _ = run(inputs)
    assert (numbers["training"]["parameters"], numbers["training"]["rows_per_second"]) == (99, 1.0)
    lineage = numbers["lineage"]
    assert lineage["settings"] == {
        "name": "fer", "model": {"stem_filters": 8}, "trainer": {"epochs": 1}, "gate": {"max_accuracy_drop": 0.01},
    }  # fmt: skip
    assert (lineage["input_fingerprint"], lineage["code"]) == ("split:labelled,num_files:1", {"Trainer": "0abc"})
    assert lineage["versions"] == {}  # a record of an earlier version, and nobody asked this process
    (model,) = [each for each in lineage["artifacts"] if each["role"] == "model"]
    assert (model["id"], model["uri"]) == (inputs["model"][0].id, inputs["model"][0].uri)


def test_html_report_tells_of_every_span_and_of_the_machine_that_trained(inputs: Any, run: Any) -> None:
    path = Path(inputs["model"][0].uri, "Format-Serving", "assets.extra", "training_record.json")
    spans = [{"span": number, "fingerprint": f"files of {number}", "train_rows": 40 + number} for number in (7, 8)]
    told = {"spans": spans, "threads": [6], "device": "Another Machine", "versions": {"tensorflow": "2.0.1"}}
    path.write_text(json.dumps(json.loads(path.read_text()) | told))
    numbers, page = run(inputs)
    assert [each["train_rows"] for each in numbers["training"]["spans"]] == [47, 48]
    assert (numbers["training"]["train_rows"], numbers["training"]["threads"]) == (95, [6])
    assert numbers["lineage"]["versions"] == {"tensorflow": "2.0.1"}
    for text in ("Another Machine", "span 7 with 47 rows, span 8 with 48 rows", "<code>files of 7</code>", "2.0.1"):
        assert text in page


def test_html_report_quarantine_is_shown_by_its_first_rows_of_each_reason(inputs: Any, run: Any) -> None:
    numbers, _ = run(inputs)
    assert [row["line"] for row in numbers["data"]["quarantined"]] == [5, 7, 8]
    assert numbers["data"]["anomalies"] == []


def test_html_report_labels_are_compared_with_the_run_before(inputs: Any, run: Any, make_artifact: Any) -> None:
    before = make_artifact(standard_artifacts.ExampleStatistics)
    before.split_names = '["train"]'
    write_statistics(before.uri, count_happy=5)
    numbers, page = run({**inputs, "previous_statistics": [before]})
    assert numbers["data"]["label_shift"] == {
        "splits": [{"split": "train", "now": [0, 0, 0, 2, 0, 0, 0], "before": [0, 0, 0, 5, 0, 0, 0]}],
        "distances": [
            {
                "between": "train and train of the data accepted last", "class_name": "angry",
                "distance": 0.0, "least": 0.0, "bound": pytest.approx(0.1),
            }
        ],
        "absences": [],
    }  # fmt: skip
    assert "Labels now and in the data accepted last" in page


def test_html_report_labels_of_data_before_that_counted_none_are_compared_with_nothing(
    inputs: Any, run: Any, make_artifact: Any
) -> None:
    """The page comes after the push, so a failure here would fail a run whose model is in service already."""
    before = make_artifact(standard_artifacts.ExampleStatistics)
    before.split_names = '["train"]'
    write_statistics(before.uri, count_happy=0)
    numbers, _ = run({**inputs, "previous_statistics": [before]})
    shift = numbers["data"]["label_shift"]
    assert shift["splits"] == [{"split": "train", "now": [0, 0, 0, 2, 0, 0, 0], "before": None}]
    assert shift["distances"] == []


def test_html_report_of_four_times_the_rows_holds_no_more_pictures(inputs: Any, run: Any) -> None:
    """The page keeps a few thousand pictures; of the other rows only numbers, some hundred bytes each."""
    run(inputs)  # loads all that a page needs
    peaks = []
    for count in (5_000, 20_000):
        folder = Path(inputs["examples"][0].uri, "Split-eval")
        (folder / "data.gz").unlink()
        folder.rmdir()
        write_split(inputs["examples"][0].uri, "eval", [row % 7 for row in range(count)], [1] * count)
        tracemalloc.start()
        try:
            numbers, _ = run(inputs)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        assert numbers["evaluation"]["accuracy"]["count"] == count
    assert peaks[1] - peaks[0] < 15_000 * 600  # a picture has 2,304 bytes


def test_html_report_refused_model_has_a_page_with_the_reason(inputs: Any, run: Any) -> None:
    inputs["infra_blessing"][0].set_int_custom_property("blessed", 0)
    Path(inputs["infra_blessing"][0].uri, "INFRA_NOT_BLESSED").write_text("has no signature")
    Path(inputs["infra_blessing"][0].uri, FIGURES_FILE).unlink()
    inputs["pushed_model"][0].set_int_custom_property("pushed", 0)
    numbers, page = run(inputs)
    assert numbers["verdict"] == {
        "refusals": ["the export can't be served: has no signature"],
        "place": inputs["model"][0].uri,
        "is_pushed": False,
    }
    assert "<li>the export can&#39;t be served: has no signature</li>" in page
    assert numbers["serving"] is None


def test_html_report_baseline_is_asked_about_the_same_rows(inputs: Any, run: Any, make_artifact: Any) -> None:
    baseline = make_artifact(standard_artifacts.Model)
    save_model(baseline.uri, BASELINE_SHIFT)
    numbers, page = run({**inputs, "baseline_model": [baseline]})
    comparison = numbers["comparison"]
    # Its answers are the next class: 1, 2, ..., 0, 2, 2, of which none is right.
    assert (comparison["candidate_only"], comparison["baseline_only"]) == (8, 0)
    assert comparison["p_value"] == pytest.approx(2 / 2**8)
    assert comparison["baseline_uri"] == baseline.uri
    assert "The gate compares the candidate with the anchor" in page
    assert numbers["service"] is None


def test_html_report_model_in_service_stands_beside_the_anchor(inputs: Any, run: Any, make_artifact: Any) -> None:
    anchor, service = (make_artifact(standard_artifacts.Model) for _ in range(2))
    save_model(anchor.uri, BASELINE_SHIFT)
    save_model(service.uri, 0)
    numbers, page = run({**inputs, "baseline_model": [anchor], "service_model": [service]})
    assert (numbers["comparison"]["baseline_uri"], numbers["service"]["baseline_uri"]) == (anchor.uri, service.uri)
    assert (numbers["service"]["candidate_only"], numbers["service"]["baseline_only"]) == (0, 0)
    assert '<th scope="col">In service</th>' in page
    assert f"{numbers['comparison']['detectable_loss']:.4f} or more in four of five cases" in page
    numbers, page = run({**inputs, "baseline_model": [anchor], "service_model": [anchor]})
    assert numbers["service"] == numbers["comparison"]
    assert '<th scope="col">In service</th>' not in page


def test_html_report_remote_artifacts_make_the_same_page(inputs: Any, run: Any, make_artifact: Any) -> None:
    baseline = make_artifact(standard_artifacts.Model)
    save_model(baseline.uri, BASELINE_SHIFT)
    inputs = {**inputs, "baseline_model": [baseline]}
    local, _ = run(inputs)
    remote, page = run(inputs, is_remote=True)
    assert remote["lineage"]["artifacts"][0]["uri"].startswith("ram://")
    for section in ("verdict", "data", "training", "evaluation"):
        assert remote[section] == local[section]
    assert remote["comparison"]["candidate_only"] == 8
    assert "<strong>Pushed</strong>" in page


def test_html_report_component_without_a_baseline_channel_declares_none() -> None:
    channels = {key: types.Channel(type=each.type) for key, each in HtmlReport.SPEC_CLASS.INPUTS.items()}
    node = HtmlReport(
        settings=to_json(PipelineConfig()),
        stage_code={"Trainer": "0abc"},
        code="1",
        **{**channels, "baseline_model": None, "service_model": None},
    )
    assert set(node.inputs) == set(HtmlReport.SPEC_CLASS.INPUTS) - {"baseline_model", "service_model"}
    assert json.loads(node.exec_properties["settings"])["name"] == "fer"
    assert node.outputs[REPORT_KEY].type is Report
    assert node.inputs["quarantine"].type is Quarantine
