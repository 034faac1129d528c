"""fer-tfx runs, compare and lineage on a metadata store of known runs."""

import dataclasses
import hashlib
import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from history_double import CACHED, COMPLETE, FAILED, RUNNING, HistoryDouble

from configs.load import to_json
from configs.spec import PipelineConfig, TrainerConfig
from fer_tfx.cli import main
from pipeline.history.figures import Figures
from pipeline.runners import work_folder

RECALLS = dict.fromkeys(("disgust", "fear", "happy", "surprise", "neutral"), 0.0)
GOOD = Figures(200, 0.7, 0.65, {"angry": 0.6, "sad": 0.8, **RECALLS}, [])
BETTER = Figures(200, 0.8, 0.75, {"angry": 0.7, "sad": 0.9, **RECALLS}, [])
POOR = Figures(200, 0.3, 0.1, {"angry": 0.0, "sad": 0.6, **RECALLS}, ["accuracy is 0.3000, at least 0.5000", "recall"])


def settings(epochs: int) -> dict:
    """A whole configuration as a run notes it."""
    config = PipelineConfig(trainer=TrainerConfig(epochs=epochs))
    return json.loads(to_json(dataclasses.replace(config, data=dataclasses.replace(config.data, path="data/fer.csv"))))


@dataclass(frozen=True)
class TwoRuns:
    """A run that pushed version 1700000000, and one with other epochs and code that pushed 1700000100."""

    root: Path
    first: int
    second: int

    @classmethod
    def make(cls, root: Path) -> "TwoRuns":
        history, ids = HistoryDouble(root / "fer"), []
        for epochs, figures, version, code in ((3, GOOD, "1700000000", "c0de"), (5, BETTER, "1700000100", "beef")):
            ids.append(history.start_run(settings(epochs)))
            data = history.add_data_nodes(code=code)
            history.add_judges(data, history.add_trainer(data, epochs)["model"], version)
            history.note_figures(figures)
        return cls(root, *ids)


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory) -> TwoRuns:
    """To be read only."""
    return TwoRuns.make(tmp_path_factory.mktemp("runs"))


@pytest.fixture
def history(tmp_path: Path) -> HistoryDouble:
    return HistoryDouble(tmp_path / "fer")


@pytest.fixture
def run(capsys):
    """Calls a command on the store below a root; exit code, output, error."""

    def call(root: Path, *words: str) -> tuple[int, str, str]:
        code = main([*words, "--set", f"runtime.root={root}", "--set", "serving.settle_s=0"])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def table(output: str) -> list[list[str]]:
    """Cells of each line; columns are two blanks apart."""
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in output.splitlines()]


def test_runs_two_pushed_runs_are_listed_newest_first(run, two_runs):
    first, second = two_runs.first, two_runs.second
    code, out, _ = run(two_runs.root, "runs")
    rows = table(out)
    assert code == 0
    assert rows[0] == ["run", "started", "data", "rows used", "accuracy", "macro F1", "version", "verdict"]
    assert [row[:1] + row[2:] for row in rows[1:]] == [
        [str(second), "fer.csv", "1,200", "0.8000", "0.7500", "1700000100 stable", "pushed"],
        [str(first), "fer.csv", "1,200", "0.7000", "0.6500", "1700000000 previous", "pushed"],
    ]


def test_runs_json_gives_the_same_as_objects(run, two_runs):
    listed = json.loads(run(two_runs.root, "runs", "--json")[1])
    assert [each["id"] for each in listed] == [two_runs.second, two_runs.first]
    assert (listed[1]["accuracy"], listed[1]["version"], listed[1]["rows_used"]) == (0.7, "1700000000", 1200)


def test_runs_after_rollback_and_removal_says_what_became_of_each_version(run, tmp_path):
    TwoRuns.make(tmp_path)
    assert run(tmp_path, "rollback")[0] == 0
    assert [row[-2] for row in table(run(tmp_path, "runs")[1])[1:]] == ["1700000100 rolled back", "1700000000 stable"]
    (tmp_path / "fer" / "serving" / "rolled_back" / "1700000100" / "saved_model.pb").unlink()
    assert table(run(tmp_path, "runs")[1])[1][-2] == "1700000100 removed"


def test_runs_refused_run_shows_the_first_reason(run, history):
    history.start_run(settings(3))
    data = history.add_data_nodes()
    history.add_judges(data, history.add_trainer(data, 3)["model"], version="")
    history.note_figures(POOR)
    assert table(run(history.home.parent, "runs")[1])[1][-2:] == ["-", "refused: accuracy is 0.3000, at least 0.5000"]


def test_runs_refused_data_shows_the_sentence_of_the_gate(run, history):
    history.start_run()
    history.add_data_nodes()
    gate = history.add_node("DataGate", state=FAILED)
    sentence = "the data gate refused the examples: train: no example of disgust. Correct the data"
    report = history.home / "artifacts" / "DataGate" / "report" / str(gate[""]) / "report.json"
    report.parent.mkdir(parents=True)
    report.write_text(json.dumps({"verdict": {"refusals": [sentence]}}))
    assert table(run(history.home.parent, "runs")[1])[1][-1] == f"refused: {sentence}"


def test_runs_data_gate_that_failed_without_a_report_is_named(run, history):
    history.start_run()
    history.add_data_nodes()
    history.add_node("DataGate", state=FAILED)
    assert table(run(history.home.parent, "runs")[1])[1][-1] == "failed at DataGate"


@pytest.mark.parametrize(("state", "verdict"), [(FAILED, "failed at Trainer"), (RUNNING, "unfinished at Trainer")])
def test_runs_training_that_did_not_end_is_named(run, history, state, verdict):
    history.start_run()
    history.add_trainer(history.add_data_nodes(), 3, state=state)
    assert table(run(history.home.parent, "runs")[1])[1][2:] == ["fer.csv", "1,200", "-", "-", "-", verdict]


def test_runs_run_killed_between_two_nodes_names_the_one_that_is_missing(run, history):
    history.start_run()
    history.add_trainer(history.add_data_nodes(), 3)
    assert table(run(history.home.parent, "runs")[1])[1][-1] == "stopped before BulkInferrer"


def test_runs_cached_push_is_no_new_one(run, history):
    history.start_run()
    data = history.add_data_nodes()
    history.add_judges(data, history.add_trainer(data, 3)["model"], "1700000000", state=CACHED)
    assert table(run(history.home.parent, "runs")[1])[1][-2:] == ["1700000000 stable", "pushed before, unchanged"]


@pytest.mark.parametrize("command", [("runs",), ("compare", "1", "2"), ("lineage", "1"), ("tensorboard",)])
def test_history_commands_without_a_store_say_what_to_do_and_make_none(run, tmp_path, command):
    code, out, error = run(tmp_path, *command)
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert "/fer/metadata.sqlite: no run is recorded there; `fer-tfx run` makes one" in error
    assert list(tmp_path.iterdir()) == []


def test_runs_of_another_name_are_pointed_at(run, two_runs):
    code, _, error = run(two_runs.root, "runs", "--set", "name=other")
    assert code == 2
    assert "there are runs of fer: choose one with --set name=NAME" in error
    assert not (two_runs.root / "other").exists()


def test_runs_store_without_runs_is_as_good_as_none(run, history):
    assert run(history.home.parent, "runs")[0] == 2


def test_runs_file_that_is_no_store_is_one_line(run, tmp_path):
    (tmp_path / "fer").mkdir()
    (tmp_path / "fer" / "metadata.sqlite").write_text("no database, but more than 100 bytes " * 5)
    code, _, error = run(tmp_path, "runs")
    assert (code, error.count("\n")) == (2, 1)
    assert "/fer/metadata.sqlite: metadata.sqlite is damaged (" in error


def overwrite_page(path: Path, table: str) -> None:
    """Damage the page of a table where its rows begin."""
    with closing(sqlite3.connect(path)) as connection:
        ((size,),) = connection.execute("PRAGMA page_size")
        ((page,),) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,))
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)


@pytest.mark.parametrize("command", [("runs",), ("lineage", "1700000000"), ("report", "--no-open")])
@pytest.mark.parametrize("table", ["Context", "Execution", "Event"])
def test_history_commands_on_damaged_metadata_are_one_line_with_the_remedy(run, tmp_path, two_runs, command, table):
    shutil.copytree(two_runs.root / "fer", tmp_path / "fer")
    overwrite_page(tmp_path / "fer" / "metadata.sqlite", table)
    code, out, error = run(tmp_path, *command)
    assert (code, out, error.count("\n")) == (2, "", 1)
    assert "metadata.sqlite is damaged (" in error
    assert "restore a copy of it" in error


def test_accept_on_damaged_metadata_is_one_line_with_the_remedy(run, tmp_path, two_runs):
    shutil.copytree(two_runs.root / "fer", tmp_path / "fer")
    overwrite_page(tmp_path / "fer" / "metadata.sqlite", "Event")
    code, out, error = run(tmp_path, "accept", "1700000000", "--reason", "better labels")
    assert (code, out, error.count("\n")) == (1, "", 1)
    assert "metadata.sqlite is damaged (" in error


def test_runs_on_metadata_that_lack_a_table_says_that_they_are_damaged(run, tmp_path, two_runs):
    shutil.copytree(two_runs.root / "fer", tmp_path / "fer")
    with closing(sqlite3.connect(tmp_path / "fer" / "metadata.sqlite")) as connection:
        connection.execute("DROP TABLE Event")
        connection.commit()
    code, _, error = run(tmp_path, "runs")
    assert (code, error.count("\n")) == (2, 1)
    assert "metadata.sqlite is damaged (" in error


def test_runs_while_another_program_holds_the_metadata_says_so_soon(run, tmp_path, two_runs, monkeypatch):
    monkeypatch.setattr(work_folder, "_PATIENCE_S", 0.1)
    shutil.copytree(two_runs.root / "fer", tmp_path / "fer")
    with closing(sqlite3.connect(tmp_path / "fer" / "metadata.sqlite", isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        code, _, error = run(tmp_path, "runs")
    assert (code, error.count("\n")) == (2, 1)
    assert "another program holds metadata.sqlite (" in error


def test_runs_root_in_a_bucket_is_refused(capsys):
    assert main(["runs", "--set", "runtime.root=gs://bucket/runs"]) == 2
    assert "gs://bucket/runs: metadata is kept in a local folder" in capsys.readouterr().err


def test_history_commands_leave_the_store_as_it_is(run, two_runs):
    home = two_runs.root / "fer"
    before = hashlib.sha256((home / "metadata.sqlite").read_bytes()).hexdigest()
    names = sorted(path.name for path in home.iterdir())
    for command in (("runs",), ("compare", str(two_runs.first), "latest"), ("lineage", "1700000100")):
        assert run(two_runs.root, *command)[0] == 0
    assert hashlib.sha256((home / "metadata.sqlite").read_bytes()).hexdigest() == before
    assert sorted(path.name for path in home.iterdir()) == names


def test_compare_unknown_run_names_the_known_ones(run, two_runs):
    code, _, error = run(two_runs.root, "compare", "latest", "999")
    assert code == 2
    assert f"has no run '999', only {two_runs.second}, {two_runs.first}, or latest" in error


def test_compare_two_runs_shows_what_differs_and_what_was_reached(run, two_runs):
    code, out, _ = run(two_runs.root, "compare", str(two_runs.first), "latest")
    rows = table(out)
    assert code == 0
    for row in (
        ["trainer.epochs", "3", "5"],
        ["train", "1,000", "1,000"],
        ["quarantined", "10", "10"],
        # Newcombe's interval of 140 and 160 of 200, from Wilson's [0.6332, 0.7592] and [0.7391, 0.8496].
        ["accuracy", "0.7000", "0.8000", "+0.1000 [+0.0151, +0.1832]"],
        ["macro F1", "0.6500", "0.7500", "+0.1000"],
        ["epochs", "3", "5"],
        ["seconds", "8", "12"],
        ["parameters", "1,234", "1,234"],
        ["FerExampleGen.code", "c0de", "beef"],
    ):
        assert row in rows
    assert not [row for row in rows if row[:1] in (["trainer.batch_size"], ["Trainer.code"], ["data.path"])]
    assert "unpaired 95 % interval (Newcombe)" in out
    assert "examples that were made separately" in out


def test_compare_run_with_itself_finds_nothing_that_differs(run, two_runs):
    out = run(two_runs.root, "compare", "latest", "latest")[1]
    assert "settings that differ\n  none" in out
    assert "code that differs\n  none" in out
    assert "the same examples" in out


def test_compare_runs_that_noted_no_settings_uses_what_their_nodes_were_given(run, history):
    first = history.start_run()
    history.add_trainer(history.add_data_nodes("old.csv"), 3)
    history.start_run(settings(4))
    history.add_trainer(history.add_data_nodes(), 4)
    out = run(history.home.parent, "compare", str(first), "latest")[1]
    names = [row[0] for row in table(out) if row]
    assert ["trainer.epochs", "3", "4"] in table(out)
    assert ["data.path", "old.csv", "data/fer.csv"] in table(out)
    assert "gate.min_accuracy" not in names
    assert f"run {first} noted no settings" in out


def test_lineage_of_a_version_goes_back_to_the_file_and_forward_to_the_push(run, two_runs):
    code, out, _ = run(two_runs.root, "lineage", "1700000000")
    lines = [line.lstrip("├└│─ ") for line in out.splitlines()]
    assert code == 0
    for start in (
        "Model ",
        "Trainer ",
        "trainer: epochs=3",
        "examples: Examples ",
        "transform_graph: TransformGraph ",
        "data: drop_repeats=True, path=data/fer.csv",
        "labelled: /base/data/fer.csv; num_files 1, total_bytes 2048, xor_checksum 7, sum_checksum 7",
        "schema_file: /s.pbtxt",
        "evaluation: ModelEvaluation ",
        "output_examples: Examples ",
    ):
        assert any(line.startswith(start) for line in lines), start
    assert any(line.startswith("Trainer ") and line.endswith("code 7ea  training_code f17") for line in lines)
    assert any(line.endswith("(blessed)") and line.startswith("blessing: ModelBlessing") for line in lines)
    assert any(line.endswith("(pushed, version 1700000000, previous)") for line in lines)
    assert "1700000100" not in out


def test_lineage_execution_that_two_artifacts_come_through_is_told_once(run, two_runs):
    out = run(two_runs.root, "lineage", "1700000000")[1]
    assert sum(line.lstrip("├└│─ ").startswith("FerExampleGen ") for line in out.splitlines()) == 1


def test_lineage_finds_a_model_by_folder_by_file_and_after_a_rollback(run, tmp_path):
    TwoRuns.make(tmp_path)
    expected = run(tmp_path, "lineage", "1700000100")[1].splitlines()[0]
    served = tmp_path / "fer" / "serving" / "1700000100"
    run(tmp_path, "rollback")
    aside = tmp_path / "fer" / "serving" / "rolled_back" / "1700000100"
    model = Path(expected.rpartition("  ")[2])
    (tmp_path / "link").symlink_to(tmp_path / "fer")
    round_about = [
        tmp_path / "sub/.." / model.relative_to(tmp_path),
        tmp_path / "link" / model.relative_to(tmp_path / "fer"),
    ]
    for name in (served, served / "saved_model.pb", aside, model, model / "Format-Serving", *round_about):
        assert run(tmp_path, "lineage", str(name))[1].splitlines()[0] == expected


def test_lineage_baseline_is_told_as_a_use_and_a_cached_execution_is_not(run, history):
    history.start_run()
    data = history.add_data_nodes()
    model = history.add_trainer(data, 3)["model"]
    judged = history.add_judges(data, model, "1700000000")
    history.start_run()
    given = {key: judged[key] for key in ("evaluation", "blessing")}
    cached = history.add_node("Evaluator", {"model": model}, given, state=CACHED)
    later = history.add_trainer(data, 4)
    history.add_node(
        "Evaluator",
        {"model": later["model"], "baseline_model": model},
        {"blessing": "ModelBlessing"},
        marks={"blessed": 0},
        state=COMPLETE,
    )
    lines = [line.lstrip("├└│─ ") for line in run(history.home.parent, "lineage", "1700000000")[1].splitlines()]
    uses = [line for line in lines if line.startswith("Evaluator ")]
    assert [line.rpartition("  ")[2] for line in uses] == ["as model", "as baseline_model"]
    assert not [line for line in uses if line.startswith(f"Evaluator {cached['']} ")]
    assert any(line.endswith("(not blessed)") for line in lines)


def test_lineage_of_a_warm_start_names_the_earlier_model_without_its_tree(run, history):
    history.start_run()
    data = history.add_data_nodes()
    first = history.add_trainer(data, 3)
    history.add_judges(data, first["model"], "1700000000")
    history.start_run()
    later = history.add_data_nodes("data/later.csv")
    second = history.add_trainer(later, 3, base_model=first["model"])
    history.add_judges(later, second["model"], "1700000100")
    out = run(history.home.parent, "lineage", "1700000100")[1]
    assert f"base_model: Model {first['model']}  {history.locate(first['model'])}\n" in out
    assert "data/later.csv" in out
    assert "data/fer.csv" not in out
    assert f"Trainer {second['']}  run" in run(history.home.parent, "lineage", "1700000000")[1].partition("used by")[2]


def test_lineage_of_a_window_of_spans_names_the_examples_of_each(run, history):
    history.start_run()
    first = history.add_data_nodes("data/span-1.csv")
    history.start_run()
    second = history.add_data_nodes("data/span-2.csv")
    trainer = history.add_trainer(second | {"examples": [second["examples"], first["examples"]]}, 3)
    history.add_judges(second, trainer["model"], "1700000000")
    out = run(history.home.parent, "lineage", "1700000000")[1]
    newer, older = (out.index(f"─ examples: Examples {each['examples']} ") for each in (second, first))
    assert newer < out.index("data/span-2.csv") < older < out.index("data/span-1.csv")


def test_lineage_json_nests_what_a_thing_was_made_of(run, two_runs):
    told = json.loads(run(two_runs.root, "lineage", "1700000100", "--json")[1])
    trainer = told["artifact"]["made_by"]
    assert (trainer["node"], trainer["run_id"]) == ("Trainer", two_runs.second)
    assert trainer["settings"] == {"trainer.epochs": 5}
    (examples,) = trainer["inputs"]["examples"]
    assert examples["made_by"]["code"] == {"code": "beef"}
    assert [use["step"]["node"] for use in told["uses"]] == ["Evaluator", "ServingCheck", "BulkInferrer", "Pusher"]


def test_lineage_unknown_model_names_the_pushed_versions(run, two_runs):
    code, _, error = run(two_runs.root, "lineage", "5")
    assert code == 2
    assert "5: no version and no artifact of these runs; pushed versions: 1700000000, 1700000100" in error


def test_compare_json_gives_the_same_as_objects(run, two_runs):
    told = json.loads(run(two_runs.root, "compare", "1", "latest", "--json")[1])
    assert told["runs"] == [1, 2]
    lines = {line["name"]: (line["first"], line["second"]) for section in told["sections"] for line in section["lines"]}
    assert (lines["trainer.epochs"], lines["accuracy"]) == (("3", "5"), ("0.7000", "0.8000"))


def test_versions_json_gives_the_same_as_objects(run, two_runs):
    told = json.loads(run(two_runs.root, "versions", "--json")[1])
    assert told == [{"version": 1700000100, "state": "stable"}, {"version": 1700000000, "state": "previous"}]


def test_runs_of_a_model_that_answers_nan_have_no_figures(run, history, tmp_path):
    history.start_run(settings(3))
    data = history.add_data_nodes()
    history.add_judges(data, history.add_trainer(data, 3)["model"], "")
    history.note_figures(Figures(200, float("nan"), float("nan"), {"angry": 0.0}, ["accuracy is nan"]))
    code, out, _ = run(tmp_path, "runs", "--json")
    (found,) = json.loads(out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert (code, found["accuracy"], found["macro_f1"]) == (0, None, None)
    headings, cells = table(run(tmp_path, "runs")[1])
    figures = dict(zip(headings, cells, strict=False))
    assert (figures["accuracy"], figures["macro F1"]) == ("-", "-")
