"""Which runs the commands speak of that look back: those that ran last, on data or on drawn faces."""

from pathlib import Path

import pytest
from history_double import HistoryDouble

from fer_tfx.cli import main

FIRST, LAST = "20260101T000000Z.log", "20260102T000000Z.log"


def make_history(root: Path, name: str, version: str, log: str = "") -> HistoryDouble:
    """One run with everything that a pushed model leaves."""
    history = HistoryDouble(root / name)
    history.start_run()
    data = history.add_data_nodes()
    history.add_judges(data, history.add_trainer(data, 3)["model"], version)
    report = history.add_node("HtmlReport", outputs={"report": "HtmlReport"})
    history.locate(report["report"]).mkdir(parents=True)
    (history.locate(report["report"]) / "report.html").touch()
    if log:
        (root / name / "logs").mkdir()
        (root / name / "logs" / log).touch()
    return history


@pytest.fixture
def tell(tmp_path, monkeypatch, capsys):
    """Calls a command as the README prints it, without any option, where `runs` lies; exit code, output, error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "")  # no browser, no TensorBoard
    monkeypatch.delenv("DISPLAY", raising=False)

    def call(*words: str) -> tuple[int, str, str]:
        code = main(words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.mark.parametrize("command", ["report", "runs", "versions", "lineage", "compare 1 latest"])
def test_commands_of_the_readme_work_as_printed_after_a_run_on_drawn_faces(tell, tmp_path, command):
    make_history(tmp_path / "runs", "fer-drawn", "1700000000", LAST)
    code, out, error = tell(*command.split())
    assert (code, error) == (0, "")
    expected = {"runs": "pushed", "versions": "stable", "compare": "run 1"}.get(command.split()[0], "/runs/fer-drawn/")
    assert expected in out


def test_runs_are_numbered_from_1(tell, tmp_path):
    history = make_history(tmp_path / "runs", "fer", "1700000000")
    history.start_run()
    assert [line.split()[0] for line in tell("runs")[1].splitlines()] == ["run", "2", "1"]
    assert tell("report", "1", "--no-open")[0] == 0


@pytest.mark.parametrize(
    ("log", "drawn_log", "expected", "other"),
    [(FIRST, LAST, "fer-drawn", "fer"), (LAST, FIRST, "fer", "fer-drawn"), (LAST, "", "fer", "fer-drawn")],
)
def test_latest_run_is_that_of_either_name_and_the_other_is_named(tell, tmp_path, log, drawn_log, expected, other):
    make_history(tmp_path / "runs", "fer", "1700000000", log)
    make_history(tmp_path / "runs", "fer-drawn", "1700000100", drawn_log)
    code, out, error = tell("report", "--no-open")
    assert (code, out.startswith(f"{tmp_path}/runs/{expected}/")) == (0, True)
    assert error == f"fer-tfx: this is about {expected}; for {other} give --set name={other}\n"
    code, out, error = tell("report", "--no-open", "--set", f"name={other}")
    assert (code, out.startswith(f"{tmp_path}/runs/{other}/"), error) == (0, True, "")


def test_roll_back_is_of_runs_on_data_wherever_there_are_any(tell, tmp_path):
    make_history(tmp_path / "runs", "fer-drawn", "1700000100", LAST)
    assert "/runs/fer-drawn/serving: only version 1700000100 in it, nothing to go back to" in tell("rollback")[2]
    make_history(tmp_path / "runs", "fer", "1700000000", FIRST)
    assert "/runs/fer/serving: only version 1700000000 in it, nothing to go back to" in tell("rollback")[2]


def test_lineage_of_a_number_is_that_of_the_version_also_inside_the_folder_of_another_model(
    tell, tmp_path, monkeypatch
):
    history = make_history(tmp_path / "runs", "fer", "1700000000")
    data = history.add_data_nodes()
    other = history.add_trainer(data, 5)["model"]
    history.add_judges(data, other, "1700000100")
    expected = tell("lineage", "1700000000")[1].splitlines()[0]
    folder = history.locate(other)
    monkeypatch.chdir(folder)
    root = ("--set", f"runtime.root={tmp_path / 'runs'}")
    (folder / "1700000000").mkdir()
    assert tell("lineage", "1700000000", *root)[1].splitlines()[0] == expected
    assert tell("lineage", "Format-Serving", *root)[1].splitlines()[0].endswith(str(folder))
    code, out, error = tell("lineage", "1700000", *root)
    assert (code, out) == (2, "")
    assert error == (
        "fer-tfx: 1700000: no version and no artifact of these runs; pushed versions: 1700000000, 1700000100\n"
    )


def test_lineage_of_the_latest_run_that_trained_nothing_says_so(tell, tmp_path):
    history = make_history(tmp_path / "runs", "fer", "1700000000")
    history.start_run()
    code, _, error = tell("lineage")
    assert (code, error) == (2, "fer-tfx: run 2: trained no model; `fer-tfx runs` tells how each run ended\n")


def test_name_that_leaves_no_room_for_drawn_is_that_of_the_runs_on_data(tell, tmp_path):
    name = "a" * 60
    make_history(tmp_path / "runs", name, "1700000000", LAST)
    (tmp_path / "long.yaml").write_text(f"name: {name}\n")
    code, out, error = tell("runs", "--config", "long.yaml")
    assert (code, error) == (0, "")
    assert "1700000000" in out
