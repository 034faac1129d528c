"""What report.json says."""

import dataclasses
import json

import pytest
from report_doubles import make_report, make_report_of_nan, make_report_of_refused_data

from reporting.report_data import Lineage, Share


def test_to_json_has_every_number_and_what_is_derived():
    numbers = json.loads(make_report("accuracy is low").to_json())
    assert numbers["verdict"] == {"refusals": ["accuracy is low"], "place": "/serving/17", "is_pushed": False}
    rows = numbers["data"]["rows"]
    assert (rows["rows_read"], rows["rows_emitted"], rows["rows_dropped"], rows["rows_quarantined"]) == (
        1250,
        1212,
        37,
        1,
    )
    # 1,200 rows twice within 6 seconds.
    assert (numbers["training"]["seconds"], numbers["training"]["rows_per_second"]) == (6, 400)
    assert dataclasses.replace(make_report().training, epoch_fraction=0.5).rows_per_second == 200
    assert numbers["evaluation"]["accuracy"]["count"] == 12
    assert len(numbers["evaluation"]["after"]["bins"]) == 15
    assert numbers["evaluation"]["after"]["bins"][-1].keys() == {"low", "high", "count", "confidence", "accuracy"}
    assert numbers["comparison"]["baseline_only"] == 5
    assert numbers["serving"] == {
        "model_bytes": 2_340_000, "latency_ms": 1.5, "baseline_latency_ms": 1.2, "latency_ratio": 1.25
    }  # fmt: skip
    assert [each["corruption"] for each in numbers["robustness"]] == ["gaussian_noise_20", "eyes_masked"]
    assert numbers["robustness"][0]["accuracy"]["count"] == 12


def test_to_json_without_a_baseline_says_null():
    numbers = json.loads(make_report(has_baseline=False).to_json())
    assert numbers["comparison"] is None
    assert numbers["serving"]["latency_ratio"] is None


def test_to_json_export_that_could_not_be_served_has_no_serving_figures():
    report = dataclasses.replace(make_report("the export can't be served: why"), serving=None)
    assert json.loads(report.to_json())["serving"] is None


def test_to_json_refused_data_has_no_model():
    numbers = json.loads(make_report_of_refused_data("eval: no example").to_json())
    assert numbers["verdict"] == {"refusals": ["eval: no example"], "place": "", "is_pushed": False}
    assert [numbers[part] for part in ("training", "evaluation", "comparison", "lineage")] == [None] * 4
    drift = numbers["data"]["label_shift"]["distances"][1]
    assert (drift["between"], drift["bound"]) == ("train and train of the data accepted last", 0.015625)
    assert drift["distance"] == pytest.approx(1 / 12)


def test_to_json_figure_that_is_nan_is_null():
    numbers = json.loads(make_report_of_nan().to_json(), parse_constant=pytest.fail)
    assert numbers["evaluation"]["after"]["nll"] is None
    assert numbers["training"]["epochs"][0]["loss"] is None
    assert numbers["robustness"][0]["relative"] is None
    assert numbers["verdict"]["refusals"] == ["negative log-likelihood is nan, at most 88.0000"]


def test_share_of_no_row_may_be_anything():
    assert Share.of(0.0, 0) == Share(0.0, 0.0, 1.0, 0)


@pytest.mark.parametrize(
    ("folds", "said"),
    [
        (0, ""),
        (1, "0.7 of each is the answer of a teacher of all rows, the rest the label"),
        (5, "0.7 of each is the answer of the one of 5 teachers that never saw the picture, the rest the label"),
    ],
)
def test_teaching_says_where_targets_came_from(folds, said):
    settings = {"trainer": {"target_weight": 0.7}, "distillation": {"folds": folds}}
    assert Lineage("", {}, {}, settings, ()).teaching == said
    assert Lineage("", {}, {}, {}, ()).teaching == ""  # of an earlier version


def test_teaching_by_votes_names_them():
    settings = {"trainer": {"target_weight": 1.0}, "data": {"targets": "votes"}, "distillation": {"folds": 0}}
    said = "1 of each is the share of the annotators' votes for each class, the rest the label"
    assert Lineage("", {}, {}, settings, ()).teaching == said
    settings["data"]["targets"] = "majority"
    assert Lineage("", {}, {}, settings, ()).teaching == ""
