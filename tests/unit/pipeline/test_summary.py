"""The last words of a run, letter by letter."""

import dataclasses
import sys
from pathlib import Path

from pipeline.outcome import Outcome, write_summary
from reporting.ingestion import IngestionReport
from reporting.intervals import Interval

PUSHED = Outcome(
    rows=IngestionReport(
        read={"fer.csv": 35_887, "test.csv": 2},
        emitted={"train": {"happy": 28_000, "sad": 1}, "eval": {"sad": 3_589}, "unlabelled": {"": 2}},
        dropped={"repeat within train": 4_294},
        quarantined={"unknown label": 2, "empty pixels": 1},
    ),
    quarantine_uri="/runs/quarantine",
    eval_count=3_589,
    accuracy=0.61234,
    accuracy_interval=Interval(0.5962, 0.6281),
    macro_f1=0.57891,
    recalls={"angry": 0.5, "disgust": 0.12345},
    refusals=[],
    model_path="/serving/17",
    is_in_service=True,
    predictions_uri="/runs/predictions",
    report_path="/runs/report.html",
)


def test_write_summary_says_by_which_labels_the_accuracy_is():
    rows = dataclasses.replace(PUSHED.rows, labels="majority of the votes")
    (line,) = (
        each for each in write_summary(dataclasses.replace(PUSHED, rows=rows)).splitlines() if "accuracy" in each
    )
    assert line.startswith("accuracy     0.6123 on 3,589 eval rows by the majority of the votes (95 % interval")


def test_write_summary_pushed_run_says_rows_accuracy_verdict_places_and_next_step():
    assert write_summary(PUSHED).splitlines() == [
        "rows         35,889 read = 31,592 used + 4,294 repeats dropped + 3 quarantined",
        "splits       eval 3,589, train 28,001, unlabelled 2",
        "quarantine   unknown label 2, empty pixels 1; /runs/quarantine",
        "accuracy     0.6123 on 3,589 eval rows (95 % interval 0.5962 to 0.6281), macro F1 0.5789",
        "recall       angry 0.500, disgust 0.123",
        "report       /runs/report.html",
        "gate         passed",
        "model        /serving/17",
        "predictions  2 unlabelled rows; /runs/predictions",
        f"next         {Path(sys.executable).parent}/fer-tfx predict --model /serving/17 PICTURE...",
    ]


def test_write_summary_of_one_row_each_is_in_the_singular():
    rows = dataclasses.replace(PUSHED.rows, dropped={"repeat within train": 1}, emitted={"unlabelled": {"": 1}})
    shown = write_summary(dataclasses.replace(PUSHED, rows=rows, eval_count=1))
    for text in ("+ 1 repeat dropped +", " on 1 eval row (95 %", "  1 unlabelled row; "):
        assert text in shown


def test_write_summary_counts_rows_that_the_settings_leave_out_by_label():
    rows = dataclasses.replace(PUSHED.rows, left_out={"7": 1_018, "contempt": 2})
    lines = write_summary(dataclasses.replace(PUSHED, rows=rows)).splitlines()
    assert lines[0].endswith(" used + 4,294 repeats dropped + 1,020 left out + 3 quarantined")
    assert lines[2] == "left out     label '7': 1,018; label 'contempt': 2"


def test_write_summary_counts_rows_that_votes_leave_out_by_reason():
    left_out = {"no face, by the votes": 15, "contempt, which is no class": 2}
    rows = dataclasses.replace(PUSHED.rows, left_out=left_out, labels="majority of the votes")
    lines = write_summary(dataclasses.replace(PUSHED, rows=rows)).splitlines()
    assert lines[2] == "left out     no face, by the votes: 15; contempt, which is no class: 2"


def test_write_summary_names_files_left_aside_and_counts_what_it_leaves_out():
    skipped = {f"{letter}.zip": "no CSV in it" for letter in "abcde"}
    rows = dataclasses.replace(PUSHED.rows, skipped_files=skipped)
    assert write_summary(dataclasses.replace(PUSHED, rows=rows)).splitlines()[3] == (
        "skipped      a.zip: no CSV in it; b.zip: no CSV in it; c.zip: no CSV in it; and 2 more"
    )
    rows = dataclasses.replace(rows, unlisted_files=1_000)
    assert write_summary(dataclasses.replace(PUSHED, rows=rows)).splitlines()[3].endswith("; and 1,002 more")
    rows = dataclasses.replace(PUSHED.rows, skipped_files={"a.zip": "no CSV in it"})
    assert write_summary(dataclasses.replace(PUSHED, rows=rows)).splitlines()[3] == "skipped      a.zip: no CSV in it"


def test_write_summary_model_that_was_rolled_back_is_not_said_to_be_served():
    assert write_summary(dataclasses.replace(PUSHED, is_in_service=False)).splitlines()[7:] == [
        "model        /serving/17 (rolled back or removed since)",
        "predictions  2 unlabelled rows; /runs/predictions",
        f"next         {Path(sys.executable).parent}/fer-tfx versions --set runtime.serving_path=/serving",
    ]


def test_write_summary_tuned_run_says_what_was_chosen_and_where_it_lies():
    tuned = dataclasses.replace(
        PUSHED,
        tuned_values={"trainer.weight_decay": 0.000512345, "trainer.batch_size": 64},
        hyperparameters_uri="/runs/best/7",
    )
    line = "tuned        trainer.weight_decay=0.0005123, trainer.batch_size=64; /runs/best/7"
    assert [each for each in write_summary(tuned).splitlines() if each not in write_summary(PUSHED)] == [line]


def test_write_summary_refused_run_says_why_where_and_what_to_do():
    refused = dataclasses.replace(
        PUSHED,
        refusals=["accuracy is 0.6123, at least 0.6500", "b"],
        model_path="/model",
        is_in_service=False,
        predictions_uri="",
    )
    assert write_summary(refused).splitlines()[5:] == [
        "report       /runs/report.html",
        "gate         REFUSED: accuracy is 0.6123, at least 0.6500; b",
        "model        not pushed; /model",
        "next         train longer (--set trainer.epochs=...) or, if you accept the model, lower the bounds in `gate`",
    ]


def test_write_summary_nothing_quarantined_or_predicted_leaves_those_lines_out():
    rows = dataclasses.replace(PUSHED.rows, quarantined={})
    titles = [
        line.split()[0]
        for line in write_summary(dataclasses.replace(PUSHED, rows=rows, predictions_uri="")).splitlines()
    ]
    assert titles == ["rows", "splits", "accuracy", "recall", "report", "gate", "model", "next"]
