"""Whole experiments on drawn faces, each of one epoch."""

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from evaluation_doubles import write_data
from filelock import FileLock

from benchmarks.experiments import main
from benchmarks.harness.command import ROOT
from benchmarks.model.fer2013 import Pictures
from benchmarks.model.trial import read_targets
from configs.load import load_config
from configs.spec import PipelineConfig, Recipe
from fer_tfx.errors import DataError
from schema.drawn_faces import draw_faces

CONFIG = ROOT / "configs" / "fer2013.yaml"
TINY = ("model.stem_filters=4", "model.stage_filters=[6]", "model.convolutions_per_stage=1", "trainer.epochs=1",
        "trainer.batch_size=16", "trainer.precision=float32")  # fmt: skip


class Bench:
    """A data folder, a state folder and a log."""

    def __init__(self, folder: Path) -> None:
        train, test = draw_faces(150, 1), draw_faces(20, 2)
        labels = test.class_indices.tolist()
        self.data = write_data(folder / "data", train.pixels, test.pixels, labels, train.class_indices.tolist())
        self.state = folder / "state"
        self.log = folder / "log.jsonl"

    def run(self, *options: str) -> int:
        places = ("--data", self.data, "--state", self.state, "--log", self.log)
        return main([*map(str, places), *options])

    def run_tiny(self, name: str, *options: str) -> int:
        return self.run("--name", name, *(part for each in TINY for part in ("--set", each)), *options)

    def read(self) -> dict[str, Any]:
        return {entry["name"]: entry for entry in map(json.loads, self.log.read_text("utf-8").splitlines())}


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> Bench:
    """With one experiment, `first`, in its log."""
    made = Bench(tmp_path_factory.mktemp("bench"))
    labels = made.data / "public_test_labels.csv"
    hidden = labels.rename(labels.with_suffix(".hidden"))
    assert made.run_tiny("first", "--seed", "7") == 0
    hidden.rename(labels)  # ranking must do without
    return made


def judged(entry: dict[str, Any]) -> dict[str, Any]:
    keys = ("train_n", "n", "one_view", "four_views", "own_accuracy", "parameters", "curve", "recipe", "seed", "config")
    return {key: entry[key] for key in keys}


def test_main_entry_says_what_was_done_with_which_rows(bench):
    entry = bench.read()["first"]
    assert entry["train_n"] + entry["n"] == 150
    assert 20 < entry["n"] < 75
    assert entry["rows"] == "ranking split"
    assert "public_look" not in entry
    assert (ROOT / entry["config"], entry["seed"], entry["overrides"]) == (CONFIG, 7, list(TINY))
    assert entry["recipe"]["trainer"]["seed"] == 7
    (configured, default) = (asdict(each.trainer.augmentation) for each in (load_config(CONFIG), PipelineConfig()))
    assert entry["recipe"]["trainer"]["augmentation"] == configured != default
    assert entry["curve"] == [[1, entry["one_view"]["accuracy"]]]
    assert entry["parameters"] == 9 * 4 + 2 * 4 + 9 * 4 * 6 + 2 * 6 + 7 * 6 + 7 + 2 * (4 + 6)
    assert {"tensorflow", "keras", "numpy", "python"} == set(entry["versions"])
    assert {"cores", "cpu_seconds", "others_fraction", "precision", "git_commit", "git_is_changed"} <= set(entry)
    assert (entry["epochs"], entry["resumed_from_epoch"]) == (1, 0)


def test_main_repeat_trains_anew_to_the_same_figures(bench):
    assert bench.run("--repeat", "first") == 0
    entries = bench.read()
    repeated = entries["first.2"]
    assert (repeated["repeats"], repeated["resumed_from_epoch"]) == ("first", 0)
    assert judged(repeated) == judged(entries["first"])
    assert bench.run("--repeat", "first") == 0
    assert bench.read()["first.3"]["repeats"] == "first"


def test_main_other_seed_gives_another_network_and_both_can_answer_together(bench, capsys):
    assert bench.run_tiny("second", "--seed", "8") == 0
    entries = bench.read()
    assert entries["second"]["one_view"]["nll"] != entries["first"]["one_view"]["nll"]
    assert bench.run("--average", "first", "second", "--name", "both") == 0
    both = bench.read()["both"]
    assert both["average_of"] == ["first", "second"]
    assert both["n"] == entries["first"]["n"]
    # The loss of mean logits is below the mean loss: the logarithm of a sum of exponentials is convex.
    assert both["one_view"]["nll"] < sum(entries[name]["one_view"]["nll"] for name in ("first", "second")) / 2
    assert "| both | - | - | - |" in capsys.readouterr().out


def test_main_training_that_was_not_logged_is_taken_up_again(bench):
    assert bench.run_tiny("interrupted") == 0
    *earlier, last = bench.log.read_text("utf-8").splitlines(keepends=True)
    bench.log.write_text("".join(earlier), "utf-8")
    assert bench.run_tiny("interrupted") == 0
    resumed = bench.read()["interrupted"]
    assert resumed["resumed_from_epoch"] == 1
    assert judged(resumed) == judged(json.loads(last))


def test_main_same_name_with_other_settings_does_not_go_on_with_the_state(bench):
    assert bench.run_tiny("changed") == 0
    *earlier, _ = bench.log.read_text("utf-8").splitlines(keepends=True)
    bench.log.write_text("".join(earlier), "utf-8")
    assert bench.run_tiny("changed", "--set", "trainer.label_smoothing=0") == 0
    assert bench.read()["changed"]["resumed_from_epoch"] == 0


def test_main_finalist_is_judged_by_the_public_test_and_each_look_is_counted(bench, capsys):
    assert bench.run_tiny("last", "--finalist") == 0
    assert bench.run("--repeat", "last") == 2
    assert "last: was judged by the public test; add --finalist" in capsys.readouterr().err
    assert bench.run("--repeat", "last", "--finalist") == 0
    entries = bench.read()
    assert [entries[name]["public_look"] for name in ("last", "last.2")] == [1, 2]
    for entry in (entries["last"], entries["last.2"]):
        assert (entry["rows"], entry["train_n"], entry["n"]) == ("public test", 150, 20)
        assert entry["clean_rows"]["n"] == 20
    assert bench.run("--average", "last", "last.2", "--name", "two") == 2


def test_main_teacher_changes_the_training_and_is_named_and_repeated(bench, capsys):
    """The same with the teacher's answers kept, and with its weights alone, as earlier versions left them."""
    assert bench.run_tiny("taught", "--seed", "7", "--teacher", "first") == 0
    assert ", taught by first |" in capsys.readouterr().out
    (bench.state / "first" / "own_answers.npz").unlink()
    assert bench.run("--repeat", "taught") == 0
    entries = bench.read()
    taught, again = entries["taught"], entries["taught.2"]
    assert (taught["teacher"], again["teacher"], again["repeats"]) == ("first", "first", "taught")
    assert judged(taught) == judged(again)
    assert taught["one_view"]["nll"] != entries["first"]["one_view"]["nll"]
    assert taught["recipe"] == entries["first"]["recipe"]
    assert bench.run_tiny("ignored", "--seed", "7", "--teacher", "first", "--set", "trainer.target_weight=0") == 0
    assert bench.read()["ignored"]["one_view"] == entries["first"]["one_view"]


def test_read_targets_of_other_rows_or_of_no_training_are_refused(bench, tmp_path):
    rows = Pictures(draw_faces(9, 3).pixels.reshape(-1, 48, 48), draw_faces(9, 3).class_indices)
    with pytest.raises(DataError, match=r"^first: was trained on other rows than these"):
        read_targets(Recipe(), rows, bench.state / "first")
    with pytest.raises(DataError, match=r"has 0 finished trainings, expected one; repeat the experiment"):
        read_targets(Recipe(), rows, tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "give --data, the competition's files, --state, a folder to keep, and --name or --repeat"),
        (("--name", "first"), "--name first: the log has it already; give another name, or --repeat first"),
        (("--name", "../out"), "--name ../out: expected at most 63 of a-z"),
        (("--name", "x", "--set", "trainer.epoch=1"), "--set: trainer.epoch: unknown setting; did you mean"),
        (("--name", "x", "--config", "none.yaml"), "none.yaml: no such configuration file"),
        (("--name", "x", "--teacher", "nothing"), "nothing: no such experiment in the log; it has first"),
        (
            ("--name", "x", "--teacher", "last"),
            "--teacher last: was trained on other rows: this is judged by the ranking split, last by the public test",
        ),
        (("--repeat", "nothing"), "nothing: no such experiment in the log; it has first"),
        (("--repeat", "first", "--seed", "1"), "--repeat: the log decides name, settings, teacher and seed"),
        (("--repeat", "first", "--finalist"), "first: was judged by the ranking split; omit --finalist"),
        (("--average", "first", "--name", "x"), "--average: give two experiments or more"),
        (("--average", "first", "first", "--name", "x"), "--average: give two experiments or more"),
        (("--average", "first", "nothing", "--name", "x"), "nothing: no such experiment in the log"),
        (("--name", "x", "--state", str(ROOT / "state")), f"--state {ROOT / 'state'}: the repository must hold no row"),
    ],
)
def test_main_what_cannot_be_done_is_said_in_one_line_and_not_logged(bench, capsys, options, message):
    before = bench.log.read_bytes()
    assert bench.run(*options) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"experiments: {message}")
    assert bench.log.read_bytes() == before


def test_main_what_cannot_be_written_or_repeated_is_said_before_the_training(bench, capsys, tmp_path):
    (tmp_path / "recipe.yaml").write_text("name: mine\n", "utf-8")
    (tmp_path / "file").touch()
    wrong = {
        ("--config", str(tmp_path / "recipe.yaml")): "--config .*recipe.yaml: is outside the repository",
        ("--log", str(tmp_path)): f"{tmp_path}: can't be read: .*; give --log",
        (
            "--log",
            str(tmp_path / "file" / "log"),
        ): f"{tmp_path}/file/log: can't be written: .*; give --log another file",
        (
            "--state",
            str(tmp_path / "file"),
        ): f"--state {tmp_path}/file: can't be written: Not a directory; give another",
    }
    for options, message in wrong.items():
        assert bench.run_tiny("x", *options) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert re.match(f"experiments: {message}", line)


def test_main_experiment_in_work_elsewhere_is_left_alone(bench, capsys):
    (bench.state / "busy").mkdir()
    with FileLock(bench.state / "busy" / "lock"):
        assert bench.run_tiny("busy") == 2
    assert "busy: another process is working on it; wait for it, or give another name" in capsys.readouterr().err


def test_main_table_prints_the_log(bench, capsys):
    assert main(["--table", "--log", str(bench.log)]) == 0
    assert "| first | " in capsys.readouterr().out
    assert main(["--table", "--log", "nowhere.jsonl"]) == 2
    assert capsys.readouterr().err == "experiments: nowhere.jsonl: no such file; the first experiment creates it\n"
