"""The evaluation as a whole, on a model whose answers are known, read back from the file that it writes."""

import json
import shutil
import subprocess

import numpy as np
import pytest
from evaluation_doubles import RECORD, draw_pixels, write_data, write_model

from benchmarks.evaluate import evaluate, main, merge_section
from benchmarks.harness.command import read_code_version
from benchmarks.model.fer2013 import PublicTest
from reporting.corruptions import CORRUPTIONS

# What the first pixels say, and what is true: 0 right of 0 and 1, 2 of 3 ... five of eight right.
SAID = [0, 1, 2, 3, 3, 4, 5, 6]
TRUTH = [0, 1, 2, 3, 4, 4, 6, 0]
LEAKED = [1, 7]  # one right, one wrong


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("models") / "1", {"temperature": 2.0, "abstain_threshold": 0.45})


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    test = draw_pixels([*SAID, 0, 0])
    return write_data(tmp_path_factory.mktemp("data"), test[LEAKED], test, TRUTH)


@pytest.fixture(scope="module")
def written(model, data, tmp_path_factory):
    out = tmp_path_factory.mktemp("results") / "new" / "folder" / "metrics.json"
    arguments = ["--model", str(model), "--data", str(data), "--out", str(out)]
    assert main([*arguments, "--train-command", "fer-tfx run --data train.csv.xz"]) == 0
    return out


@pytest.fixture(scope="module")
def metrics(written):
    return json.loads(written.read_text("utf-8"))


def test_main_headline_matches_values_worked_out_by_hand(metrics):
    # F1 by class: 0: 2/(1+2), 1: 1, 2: 1, 3: 2/(2+1), 4: 2/(1+2), 5: 0, 6: 0.
    assert metrics["public_accuracy"] == 5 / 8
    assert metrics["macro_f1"] == pytest.approx((2 / 3 + 1 + 1 + 2 / 3 + 2 / 3) / 7)
    # All confidences are 1/2. Without the temperature of 2 the odds of 6 to 1 are squared: 36 / (36 + 6).
    assert metrics["ece_after"] == pytest.approx(5 / 8 - 1 / 2)
    assert metrics["ece_before"] == pytest.approx(36 / 42 - 5 / 8)
    assert {metrics[f"{key}_n"] for key in ("public_accuracy", "macro_f1", "ece_before", "ece_after")} == {8}


def test_main_training_is_told_from_the_record(metrics):
    assert (metrics["parameters"], metrics["epochs"]) == (7, 2)
    assert (metrics["train_wall_seconds"], metrics["train_wall_seconds_n"]) == (22.5, 2)
    assert metrics["configuration"] == {"model": RECORD["model"], "trainer": RECORD["trainer"]}
    assert metrics["code"] == "0123456789abcdef"
    assert metrics["train_command"] == "fer-tfx run --data train.csv.xz"
    assert metrics["command"].startswith("python -m benchmarks.evaluate --model ")
    assert not any(word.startswith("/") for word in metrics["command"].split())
    assert {"git_commit", "git_is_changed"} <= set(metrics)


def test_main_draws_the_accuracy_by_epoch_beside_the_file(written):
    assert sorted(path.name for path in written.parent.iterdir()) == ["curves.svg", "metrics.json"]
    curves = (written.parent / "curves.svg").read_text("utf-8")
    assert curves.startswith("<?xml")
    for words in (">accuracy<", ">epoch<", ">training<", ">eval<"):
        assert words in curves


def test_main_accuracies_tell_clean_rows_apart(metrics):
    accuracy = metrics["accuracy"]
    assert (accuracy["all_rows"]["value"], accuracy["all_rows"]["n"]) == (5 / 8, 8)
    assert accuracy["all_rows"]["low"] == pytest.approx(0.3057, abs=1e-4)  # Wilson, 5 of 8
    assert (accuracy["clean_rows"]["value"], accuracy["clean_rows"]["n"]) == (4 / 6, 6)
    assert (accuracy["leaked_rows"]["value"], accuracy["leaked_rows"]["n"]) == (1 / 2, 2)


@pytest.mark.parametrize("own", [1, 4])
def test_evaluate_views_are_those_that_the_library_can_average(tmp_path, own):
    each = {"temperature": 2.0, "abstain_threshold": 0.45}
    by_views = {"1": each, "2": {**each, "temperature": 1.0}, "4": {**each, "abstain_threshold": 0.3}}
    model = write_model(tmp_path / "1", {**each, "views": own, "by_views": by_views})
    figures = evaluate(model, PublicTest(draw_pixels(SAID), np.array(TRUTH), np.array([True] * 6 + [False] * 2)))
    assert figures["public_accuracy"] == figures[f"public_accuracy_views{own}"] == 5 / 8
    views = figures["views"]
    assert list(views) == ["1", "2", "4"] if own == 1 else ["4"]
    assert views[str(own)]["all_rows"] == figures["accuracy"]["all_rows"]
    if own == 1:
        # In the mirror the first pixel is 100, no class at all: every class gets 1/12, which changes no order. So the
        # mean halves the logits, which makes up for half the temperature: the odds stay 6 to 1.
        assert views["2"]["nll"] == pytest.approx(-(5 * np.log(6 / 12) + 3 * np.log(1 / 12)) / 8)
        assert (views["2"]["all_rows"]["value"], views["2"]["clean_rows"]["n"]) == (5 / 8, 6)
        assert (views["2"]["abstain"]["threshold"], views["4"]["abstain"]["threshold"]) == (0.45, 0.3)
        assert figures["public_accuracy_views4"] == views["4"]["all_rows"]["value"]


def test_main_classes_tell_recall_with_rows(metrics):
    classes = metrics["classes"]
    assert classes["recall"]["angry"]["value"] == 1 / 2
    assert [recall["n"] for recall in classes["recall"].values()] == [2, 1, 1, 1, 2, 0, 1]
    assert classes["balanced_accuracy"] == pytest.approx((1 / 2 + 1 + 1 + 1 + 1 / 2 + 0) / 6)
    assert classes["confusion"][6] == [0, 0, 0, 0, 0, 1, 0]


def test_main_calibration_tells_before_and_after(metrics):
    calibration = metrics["calibration"]
    right_after, wrong_after = 0.5**2 + 6 / 12**2, 0.5**2 + (11 / 12) ** 2 + 5 / 12**2
    assert calibration["after"]["brier"] == pytest.approx((5 * right_after + 3 * wrong_after) / 8)
    assert calibration["before"]["nll"] == pytest.approx(-(5 * np.log(36 / 42) + 3 * np.log(1 / 42)) / 8)
    assert (calibration["temperature"], calibration["before"]["n"], calibration["after"]["n"]) == (2.0, 8, 8)


def test_main_abstention_tells_what_the_fitted_threshold_leaves(metrics):
    abstain = metrics["abstain"]
    assert abstain["threshold"] == 0.45
    assert (abstain["coverage"]["value"], abstain["accuracy"]["value"], abstain["accuracy"]["n"]) == (1.0, 5 / 8, 8)


def test_main_robustness_has_every_corruption(metrics):
    robustness = metrics["robustness"]
    assert set(robustness) == set(CORRUPTIONS)
    # The first pixel is untouched by the masks; + 60 makes it no class at all: all alike, so class 0 is said.
    assert robustness["eyes_masked"]["value"] == 5 / 8
    assert (robustness["brighter_60"]["value"], robustness["brighter_60"]["n"]) == (2 / 8, 8)
    assert robustness["brighter_60"]["relative"] == pytest.approx(2 / 5)


def test_main_section_untaught_leaves_the_rest_and_is_left_by_it(written, metrics, model, data, tmp_path, capsys):
    out = tmp_path / "metrics.json"
    shutil.copy(written, out)
    arguments = ["--model", str(model), "--data", str(data), "--out", str(out)]
    assert main([*arguments, "--section", "untaught", "--teacher", str(model), "--teacher", str(model)]) == 0
    assert (tmp_path / "curves-untaught.svg").read_bytes() == (written.parent / "curves.svg").read_bytes()
    content = json.loads(out.read_text("utf-8"))
    untaught = content.pop("untaught")
    assert content == metrics
    assert untaught["public_accuracy"] == 5 / 8
    assert (metrics["teacher_wall_seconds"], untaught["teacher_wall_seconds"]) == (0, 45.0)
    said = capsys.readouterr().out
    assert "| all_rows | 0.6250 | 0.3057 to 0.8632 | 8 |\n| clean_rows | 0.6667 | " in said
    assert "| eyes_masked | 0.6250 | 0.3057 to 0.8632 | 8 |\n" in said
    assert "Macro F1 0.5714; ECE 0.2321 before the temperature of 2.000, 0.1250 after.\n" in said


def test_merge_section_top_level_keeps_named_sections_alone():
    assert merge_section({"old": 1, "untaught": {"a": 2}}, None, {"new": 3}) == {"new": 3, "untaught": {"a": 2}}


def test_evaluate_no_leaked_row_and_nothing_right_gives_no_share(tmp_path):
    test = PublicTest(draw_pixels([0, 0]), np.array([1, 2]), np.array([True, True]))
    figures = evaluate(write_model(tmp_path / "1"), test)
    assert figures["accuracy"]["leaked_rows"] == {"value": 0.0, "low": 0.0, "high": 1.0, "n": 0}
    assert figures["robustness"]["eyes_masked"]["relative"] is None


def test_main_missing_model_ends_with_2_and_one_line(tmp_path, capsys):
    assert main(["--model", str(tmp_path), "--data", str(tmp_path), "--out", str(tmp_path / "m.json")]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(
        f"evaluate: {tmp_path}: no SavedModel; give the folder of one version, such as runs/"
    )
    assert captured.err.count("\n") == 1
    assert not (tmp_path / "m.json").exists()


@pytest.mark.parametrize(("text", "message"), [("{", "can't be read as JSON"), ("[]", "expected a JSON object, found")])
def test_main_broken_file_is_refused_before_any_work(tmp_path, capsys, text, message):
    out = tmp_path / "m.json"
    out.write_text(text, "utf-8")
    assert main(["--model", str(tmp_path), "--data", str(tmp_path), "--out", str(out)]) == 2
    assert capsys.readouterr().err.startswith(f"evaluate: {out}: {message}")
    assert out.read_text("utf-8") == text


def test_read_code_version_repository_tells_commit_and_changes(tmp_path):
    def run_git(*arguments: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    run_git("init", "--quiet")
    (tmp_path / "file").write_text("1", "utf-8")
    run_git("add", "file")
    run_git("commit", "--quiet", "--message", "one")
    clean = {"git_commit": run_git("rev-parse", "HEAD"), "git_is_changed": False}
    assert read_code_version(tmp_path) == clean
    (tmp_path / "file").write_text("2", "utf-8")
    assert read_code_version(tmp_path) == {**clean, "git_is_changed": True}


def test_read_code_version_outside_a_repository_knows_nothing(tmp_path):
    assert read_code_version(tmp_path) == {"git_commit": None, "git_is_changed": None}
