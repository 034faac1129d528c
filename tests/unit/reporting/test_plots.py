"""Plots hold what they are given, in both colourings."""

import base64
import dataclasses
import xml.etree.ElementTree as ET

import pytest
from report_doubles import make_report

from reporting import plots
from reporting.intervals import Share
from reporting.plots import RunPoint


def decode(uri: str) -> str:
    kind, _, content = uri.partition(",")
    assert kind == "data:image/svg+xml;base64"
    return base64.b64decode(content).decode()


def read_texts(svg: str) -> set[str]:
    return {"".join(each.itertext()) for each in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")}


@pytest.fixture(scope="module")
def report():
    return make_report()


def test_plot_class_balance_alt_tells_each_share_and_the_picture_each_split(report):
    plot = plots.plot_class_balance(report.data.rows)
    assert "happy 83.3%" in plot.alt
    assert {"train", "eval", "surprise"} <= read_texts(decode(plot.light))


def test_plot_training_epochs_that_were_not_measured_are_left_out(report):
    accuracy, _, rate, seconds = plots.plot_training(report.training)
    assert "training goes from 0.2 in epoch 1 to 0.4 in epoch 2" in accuracy.alt
    assert "eval goes from 0.3 in epoch 1 to 0.3 in epoch 1" in accuracy.alt
    assert "goes from 0.1 in epoch 1 to 0 in epoch 2" in rate.alt
    assert "goes from 4 in epoch 1 to 2 in epoch 2" in seconds.alt


def test_plot_reliability_and_coverage_tell_their_figures(report):
    evaluation = report.evaluation
    assert (
        f"{evaluation.before.ece:.4f} before and {evaluation.after.ece:.4f} after"
        in plots.plot_reliability(evaluation).alt
    )
    assert "rows" in read_texts(decode(plots.plot_reliability(evaluation).light))
    coverage = plots.plot_coverage(evaluation)
    assert "threshold 0.550 41.7% are kept, of which 0.0% are right; 58.3% of all are right" in coverage.alt
    assert "abstain below 0.55" in read_texts(decode(coverage.light))


def test_plot_slices_and_classes_name_each_row(report):
    assert "sharpness, highest" in read_texts(decode(plots.plot_slices(report.evaluation.slices).light))
    assert "surprise 0.0%" in plots.plot_classes(report.evaluation.classes).alt


def test_plot_classes_tells_no_recall_of_a_class_without_a_row(report):
    classes = report.evaluation.classes
    without = dataclasses.replace(classes[5], recall=Share.of(0.0, 0))
    plot = plots.plot_classes([*classes[:5], without, *classes[6:]])
    assert "surprise" not in plot.alt
    assert "recall, precision" in read_texts(decode(plot.light))


def test_plot_runs_names_both_axes():
    points = [RunPoint(1, 0.5, Share.of(0.5, 10)), RunPoint(3, 0.6, Share.of(0.6, 10))]
    assert {"run", "accuracy"} <= read_texts(decode(plots.plot_runs("Accuracy [95 %]", points).light))


def test_plot_dark_form_has_none_of_the_light_colours_and_the_same_texts(report):
    plot = plots.plot_classes(report.evaluation.classes)
    light, dark = decode(plot.light), decode(plot.dark)
    assert "#1b1d21" in light
    assert not any(colour in dark for colour in ("#1b1d21", "#c9ced6", "#0b57d0", "#b3541e", "#000000"))
    assert read_texts(light) == read_texts(dark)


def test_plot_same_figures_give_the_same_bytes(report):
    same = dataclasses.replace(report.evaluation)
    assert plots.plot_coverage(report.evaluation) == plots.plot_coverage(same)
