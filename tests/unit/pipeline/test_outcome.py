"""A run's figures, read from a real evaluation of twelve rows and from artifacts made by hand."""

import json

import numpy as np
import pandas as pd
import pytest
import tensorflow_model_analysis as tfma

from components.metrics import evaluation as evaluation_of_metrics
from components.metrics.corrupted_accuracy import ANSWERS_KEY
from configs.spec import GateConfig
from pipeline.eval_config import build_eval_config
from pipeline.history.records import ArtifactRecord, NodeRecord
from pipeline.outcome import read_outcome
from reporting.ingestion import REPORT_FILE, IngestionReport
from reporting.serving_figures import FIGURES_FILE, ServingFigures

TRUE = [0, 0, 0, 1, 1, 2, 3, 3, 4, 5, 6, 6]
SAID = [0, 0, 1, 1, 0, 2, 3, 6, 4, 4, 6, 3]  # 7 of 12 right; no row of class 5, surprise
RECALLS = {"angry": 2 / 3, "disgust": 0.5, "fear": 1.0, "happy": 0.5, "sad": 1.0, "surprise": 0.0, "neutral": 0.5}
MACRO_F1 = (4 / 6 + 2 / 4 + 2 / 2 + 2 / 4 + 2 / 3 + 0 + 2 / 4) / 7


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory) -> str:
    """Folder of an evaluation in which three bounds are missed."""
    probabilities = np.full((len(TRUE), 7), 0.1)
    probabilities[np.arange(len(TRUE)), SAID] = 0.4
    gate = GateConfig(min_accuracy=0.6, min_macro_f1=0.55, min_class_recall=0.1, max_ece=1.0, min_eval_rows=12)
    config = tfma.utils.update_eval_config_with_defaults(
        build_eval_config(gate, ""), has_baseline=False, rubber_stamp=True
    )
    folder = str(tmp_path_factory.mktemp("evaluation"))
    tfma.analyze_raw_data(
        pd.DataFrame(
            {"emotion": TRUE, "probabilities": probabilities.tolist(), ANSWERS_KEY: [[label] * 8 for label in TRUE]}
        ),
        config,
        output_path=folder,
    )
    return folder


@pytest.fixture
def nodes(evaluation, tmp_path) -> dict[str, NodeRecord]:
    """Artifacts of a run that was pushed, and that had two unlabelled rows to predict."""
    report = IngestionReport({"a.csv": 14}, {"train": {"sad": 12}, "unlabelled": {"": 2}}, {}, {})
    (tmp_path / REPORT_FILE).write_text(report.to_json(), "utf-8")

    extra = tmp_path / "model" / "Format-Serving" / "assets.extra"
    extra.mkdir(parents=True)
    (extra / "class_names.txt").write_text("".join(f"{name}\n" for name in RECALLS))

    def node(name: str, uri: str, **properties: int | str) -> NodeRecord:
        return NodeRecord(False, False, {name: ArtifactRecord(uri, properties)})

    evaluator = node("evaluation", evaluation)
    evaluator.outputs["blessing"] = ArtifactRecord("/blessing", {"blessed": 1})
    return {
        "FerExampleGen": node("quarantine", str(tmp_path)),
        "Trainer": node("model", str(tmp_path / "model")),
        "Evaluator": evaluator,
        "ServingCheck": node("blessing", str(tmp_path), blessed=1),
        "Pusher": node("pushed_model", "/pushed", pushed=1, pushed_destination="/serving/17"),
        "BulkInferrer": node("output_examples", "/predictions"),
        "HtmlReport": node("report", "/report/8"),
    }


def test_read_outcome_pushed_run_has_every_figure(nodes):
    found = read_outcome(nodes)
    assert (found.eval_count, found.refusals, found.is_pushed) == (12, [], True)
    assert found.accuracy == pytest.approx(7 / 12, abs=1e-6)
    # By hand: (0.58333 + 0.16006) / 1.32012 -/+ 1.48469 * sqrt(0.020255 + 0.006669)
    assert found.accuracy_interval == pytest.approx((0.3195, 0.8067), abs=1e-4)
    assert found.macro_f1 == pytest.approx(MACRO_F1, abs=1e-9)
    assert found.recalls == pytest.approx(RECALLS, abs=1e-6)
    assert (found.model_path, found.is_in_service, found.predictions_uri) == ("/serving/17", False, "/predictions")
    assert found.report_path == "/report/8/report.html"
    assert found.rows.rows_read == 14


def test_read_outcome_run_from_before_there_were_pages_has_none(nodes):
    del nodes["HtmlReport"]
    assert read_outcome(nodes).report_path == ""


def test_read_outcome_version_that_lies_where_it_was_pushed_is_in_service(nodes, tmp_path):
    nodes["Pusher"].outputs["pushed_model"].properties["pushed_destination"] = str(tmp_path)
    assert read_outcome(nodes).is_in_service


def test_read_outcome_tells_whether_a_version_is_as_it_was_pushed(nodes, tmp_path):
    assert not read_outcome(nodes).is_as_pushed, "it is gone"
    for name in ("pushed", "17"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "saved_model.pb").write_text("graph")
    pushed = ArtifactRecord(str(tmp_path / "pushed"), {"pushed": 1, "pushed_destination": str(tmp_path / "17")})
    nodes["Pusher"].outputs["pushed_model"] = pushed
    assert read_outcome(nodes).is_as_pushed
    (tmp_path / "17" / "saved_model.pb").write_text("another graph")
    assert not read_outcome(nodes).is_as_pushed


def test_read_outcome_recalls_stand_in_the_order_of_classes(nodes):
    assert list(read_outcome(nodes).recalls) == list(RECALLS)


def test_read_outcome_no_blessing_names_every_bound_that_was_missed(nodes):
    nodes["Evaluator"].outputs["blessing"].properties["blessed"] = 0
    found = read_outcome(nodes)
    assert found.refusals == [
        "accuracy is 0.5833, at least 0.6000",
        "macro F1 is 0.5476, at least 0.5500",
        "recall of surprise is 0.0000, at least 0.1000",
    ]
    assert (found.is_pushed, found.model_path, found.predictions_uri) == (
        False,
        nodes["Trainer"].outputs["model"].uri,
        "",
    )


def test_read_outcome_no_blessing_without_a_reason_is_still_a_refusal(nodes, monkeypatch):
    nodes["Evaluator"].outputs["blessing"].properties.clear()
    monkeypatch.setattr(evaluation_of_metrics.tfma, "load_validation_result", lambda path: None)
    assert read_outcome(nodes).refusals == ["the Evaluator gave no blessing"]


def test_read_outcome_export_that_cannot_be_served_is_a_refusal_with_its_reason(nodes, tmp_path):
    nodes["ServingCheck"].outputs["blessing"].properties["blessed"] = 0
    (tmp_path / "INFRA_NOT_BLESSED").write_text("has no signature serve_pixels", "utf-8")
    found = read_outcome(nodes)
    assert found.refusals == ["the export can't be served: has no signature serve_pixels"]
    assert found.model_path == nodes["Trainer"].outputs["model"].uri


def test_read_outcome_export_that_misses_bounds_is_refused_in_their_own_words(nodes, tmp_path):
    nodes["ServingCheck"].outputs["blessing"].properties["blessed"] = 0
    (tmp_path / "INFRA_NOT_BLESSED").write_text("the export has 12.1 MB, at most 10.0 MB\nit is slow", "utf-8")
    (tmp_path / FIGURES_FILE).write_text(ServingFigures(12_100_000, 1.0, None).to_json(), "utf-8")
    assert read_outcome(nodes).refusals == ["the export has 12.1 MB, at most 10.0 MB", "it is slow"]


def test_read_outcome_push_that_did_not_happen_is_a_refusal(nodes):
    nodes["Pusher"].outputs["pushed_model"].properties["pushed"] = 0
    assert read_outcome(nodes).refusals == ["Pusher did not push, though the model passed every gate"]


def test_read_outcome_no_unlabelled_rows_has_no_predictions(nodes, tmp_path):
    report = json.loads((tmp_path / REPORT_FILE).read_text("utf-8"))
    (tmp_path / REPORT_FILE).write_text(json.dumps(report | {"emitted": {"train": {"sad": 14}}}), "utf-8")
    assert read_outcome(nodes).predictions_uri == ""


@pytest.mark.parametrize(
    ("name", "key"), [("Tuner", "best_hyperparameters"), ("ImportHyperparameters", "hyperparameters")]
)
def test_read_outcome_tuned_run_gives_the_values_and_their_place(nodes, tmp_path, name, key):
    folder = tmp_path / "best"
    folder.mkdir()
    (folder / "best_hyperparameters.txt").write_text(json.dumps({"values": {"trainer.momentum": 0.8}}))
    nodes[name] = NodeRecord(False, False, {key: ArtifactRecord(str(folder), {})})
    found = read_outcome(nodes)
    assert (found.tuned_values, found.hyperparameters_uri) == ({"trainer.momentum": 0.8}, str(folder))


def test_read_outcome_run_without_a_tuner_has_no_tuned_values(nodes):
    found = read_outcome(nodes)
    assert (found.tuned_values, found.hyperparameters_uri) == ({}, "")


def test_read_outcome_push_of_what_was_rolled_back_is_refused_in_pushers_own_words(nodes):
    said = "the model equals version 17, which was rolled back; `fer-tfx rollback --to 17` brings it back"
    nodes["Pusher"].outputs["pushed_model"].properties.update({"pushed": 0, "refusal": said})
    found = read_outcome(nodes)
    assert (found.refusals, found.is_pushed, found.model_path) == ([said], False, nodes["Trainer"].outputs["model"].uri)
