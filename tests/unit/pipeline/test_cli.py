"""The command line: arguments to settings, errors to one line and an exit code."""

import dataclasses
import logging
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from configs.load import load_config
from configs.spec import PipelineConfig
from fer_tfx.cli import main, start
from fer_tfx.errors import DataError, GateError
from fer_tfx.model_files import KnownModels, compute_model_digest
from pipeline import cli
from pipeline.outcome import Outcome
from pipeline.runners import local
from pipeline.runners.local import run_pipeline
from reporting.ingestion import IngestionReport
from reporting.intervals import Interval

OUTCOME = Outcome(
    rows=IngestionReport({"fer.csv": 3}, {"train": {"sad": 3}}, {}, {}), quarantine_uri="/q", eval_count=3,
    accuracy=0.5, accuracy_interval=Interval(0.2, 0.8), macro_f1=0.4, recalls={"sad": 0.5}, refusals=[],
    model_path="/serving/17", is_in_service=True, predictions_uri="", report_path="",
)  # fmt: skip


@pytest.fixture
def csv_path(tmp_path: Path) -> Path:
    path = tmp_path / "fer.csv"
    path.write_text("emotion,pixels\n", "utf-8")
    return path


@pytest.fixture
def given(monkeypatch) -> list[PipelineConfig]:
    """Settings that `fer-tfx run` hands on; nothing runs."""
    configs: list[PipelineConfig] = []

    def take(config: PipelineConfig) -> int:
        configs.append(config)
        return 0

    monkeypatch.setattr(local, "run_pipeline", take)
    return configs


@pytest.fixture
def run_with(monkeypatch, tmp_path, csv_path):
    """Calls `run_pipeline` with a runner that gives an outcome, or raises."""
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")

    def run(result: Outcome | Exception) -> int:
        def fake_runner(*_):
            print("chatter of a library")
            if isinstance(result, Exception):
                raise result
            return result

        monkeypatch.setattr(local, "run", fake_runner)
        return main(["run", "--data", str(csv_path), "--set", f"runtime.root={tmp_path / 'runs'}"])

    yield run
    logging.captureWarnings(capture=False)


def complain(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Exit code and the one line on standard error; nothing stands on standard output."""
    code = main(arguments)
    out, error = capsys.readouterr()
    assert out == ""
    assert error.count("\n") == 1
    assert "Traceback" not in error
    return code, error.rstrip("\n")


def test_main_help_lists_commands_and_exit_codes(capsys):
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {command} " in shown for command in ("run", "config", "schema", "download"))
    headings = ("Use a model:", "Train a model:", "Look back:", "Serve and deploy:", "Exit codes:")
    assert sorted(headings, key=shown.index) == [*headings]
    assert "Not in this installation" not in shown
    assert "Exit codes: 0 done, 2 bad input or configuration, 3 refused by a gate" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Missing command; usage: fer-tfx [OPTIONS] COMMAND [ARGS]...; see `fer-tfx --help`"),
        (["walk"], "No such command 'walk'; usage: fer-tfx [OPTIONS] COMMAND [ARGS]...; see `fer-tfx --help`"),
        (
            ["lineag"],
            "No such command 'lineag' (did you mean 'lineage'?); usage: fer-tfx [OPTIONS] COMMAND [ARGS]...;"
            " see `fer-tfx --help`",
        ),
        (
            ["run", "--dta", "a.csv"],
            "No such option: --dta (did you mean '--data'?); usage: fer-tfx run [OPTIONS]; see `fer-tfx run --help`",
        ),
        (
            ["schema", "--data", "a.csv"],
            "Missing option '--out'; usage: fer-tfx schema [OPTIONS]; see `fer-tfx schema --help`",
        ),
        (
            ["compare", "1", "2", "3"],
            "Got unexpected extra argument(s) (3); usage: fer-tfx compare [OPTIONS] {RUN} {RUN};"
            " see `fer-tfx compare --help`",
        ),
        (
            ["tensorboard", "--port", "x"],
            "Invalid value for '--port': Input should be a valid integer, unable to parse string as an integer;"
            " usage: fer-tfx tensorboard [OPTIONS] [RUN]; see `fer-tfx tensorboard --help`",
        ),
    ],
)
def test_main_wrong_words_are_one_line_with_the_usage_of_their_command(arguments, said, capsys):
    assert complain(capsys, *arguments) == (2, f"fer-tfx: {said}")


@pytest.mark.parametrize("command", ["run", "config"])
def test_main_unknown_key_is_one_line_with_the_nearest_valid_one(command, capsys):
    code, line = complain(capsys, command, "--set", "trainer.epoch=3")
    assert code == 2
    assert line == "fer-tfx: --set: trainer.epoch: unknown setting; did you mean 'trainer.epochs'?"


@pytest.mark.parametrize("option", ["--data", "--unlabelled"])
def test_main_missing_data_file_is_one_line_that_names_it(option, capsys, csv_path, tmp_path):
    missing, other = str(tmp_path / "none.csv"), "--unlabelled" if option == "--data" else "--data"
    root = tmp_path / "runs"
    code, line = complain(capsys, "run", option, missing, other, str(csv_path), "--set", f"runtime.root={root}")
    assert code == 2
    assert line.startswith(f"fer-tfx: {missing}: no such file or folder; give a table")
    assert not root.exists()


def test_main_missing_data_file_of_schema_is_one_line_that_names_it(capsys, tmp_path):
    code, line = complain(capsys, "schema", "--data", str(tmp_path / "none.csv"), "--out", str(tmp_path / "s.pbtxt"))
    assert (code, line.partition(": no such")[0]) == (2, f"fer-tfx: {tmp_path}/none.csv")


def test_main_schema_into_a_missing_folder_is_one_line_that_names_it(capsys, tmp_path, csv_path):
    out = str(tmp_path / "none" / "s.pbtxt")
    code, line = complain(capsys, "schema", "--data", str(csv_path), "--out", out)
    assert (code, line) == (2, f"fer-tfx: {out}: its folder does not exist; make it first")


def test_main_schema_reads_data_by_the_settings(capsys, tmp_path):
    (tmp_path / "smile").mkdir()
    Image.new("L", (48, 48)).save(tmp_path / "smile" / "1.png")
    words = ("schema", "--data", str(tmp_path), "--out", str(tmp_path / "none" / "s.pbtxt"))
    assert "none in a folder named after a class" in complain(capsys, *words)[1]
    assert "its folder does not exist" in complain(capsys, *words, "--set", "data.classes=[smile, other]")[1]


def test_main_missing_configuration_file_is_one_line_that_names_it(capsys, tmp_path):
    path = tmp_path / "none.yaml"
    code, line = complain(capsys, "run", "--config", str(path))
    assert (code, line.partition(": no such")[0]) == (2, f"fer-tfx: {path}")


def test_main_wrong_configuration_file_is_one_line_that_names_its_line(capsys, tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("trainer:\n  epochs: many\n", "utf-8")
    code, line = complain(capsys, "config", "--config", str(path))
    assert (code, line) == (2, f"fer-tfx: {path}:2: trainer.epochs: expected a whole number, got 'many'")


def test_main_remote_root_for_a_local_run_is_one_line(capsys):
    code, line = complain(capsys, "run", "--set", "runtime.root=gs://bucket/runs")
    assert code == 2
    assert line.startswith("fer-tfx: runtime.root: gs://bucket/runs: ")


def test_main_error_in_a_process_of_its_own_has_its_exit_code_and_no_traceback():
    code = "from fer_tfx.cli import main; raise SystemExit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, "config", "--set", "gate.min_accuracy=2"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "fer-tfx: --set: gate.min_accuracy: expected at most 1, got 2\n"


def test_start_launches_run_alone_in_the_child_of_a_supervisor(given, monkeypatch):
    launched = []
    monkeypatch.setattr(cli, "supervise", lambda work: launched.append(work()) or 7)
    monkeypatch.setattr(sys, "argv", ["fer-tfx", "run", "--data", "a.csv"])
    assert (start(), launched, given[0].data.path) == (7, [0], "a.csv")
    monkeypatch.setattr(sys, "argv", ["fer-tfx", "config"])
    assert (start(), launched) == (0, [0])


def test_main_interrupt_says_how_to_go_on(capsys, monkeypatch):
    def interrupt(config: PipelineConfig) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(local, "run_pipeline", interrupt)
    code, line = complain(capsys, "run")
    assert (code, line) == (1, "fer-tfx: interrupted; the same command resumes training where it stopped")


def test_main_config_prints_yaml_that_loads_back(capsys, tmp_path):
    overrides = ["trainer.epochs=3", "model.stage_filters=[8, 16]", "trainer.weight_decay=1e-7"]
    assert main(["config", *(word for each in overrides for word in ("--set", each))]) == 0
    path = tmp_path / "printed.yaml"
    path.write_text(capsys.readouterr().out, "utf-8")
    assert load_config(path) == load_config(overrides=overrides)


def test_main_run_takes_its_settings_from_file_and_options(given, tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("name: own\ntrainer: {epochs: 2, seed: 5}\n", "utf-8")
    assert main(["run", "--config", str(path), "--set", "trainer.epochs=3", "--unlabelled", "t.csv"]) == 0
    (config,) = given
    assert (config.name, config.trainer.epochs, config.trainer.seed) == ("own", 3, 5)
    assert (config.data.path, config.data.unlabelled_path) == ("", "t.csv")


@pytest.mark.parametrize("path", ["a b: #c.csv", "'quoted\".csv", "ä/ß.csv", "no", "1", "[a].csv", "😀.csv"])
def test_main_run_data_of_any_name_reaches_the_settings_unchanged(given, path):
    main(["run", "--data", path])
    assert given[0].data.path == path


def test_main_run_data_option_beats_the_setting_of_its_name(given):
    main(["run", "--data", "a.csv", "--set", "data.path=b.csv"])
    assert given[0].data.path == "a.csv"


def test_prepare_unlabelled_rows_given_without_data_are_not_replaced(tmp_path, csv_path, monkeypatch):
    drawn = SimpleNamespace(labelled_path=csv_path, unlabelled_path=tmp_path)
    monkeypatch.setattr(local, "write_drawn_csvs", lambda folder: drawn)
    config = load_config(overrides=[f"data.unlabelled_path={csv_path}", f"runtime.root={tmp_path / 'runs'}"])
    assert local.prepare(config).data.unlabelled_path == str(csv_path)


def test_prepare_no_data_draws_faces_below_the_root(tmp_path, csv_path, monkeypatch):
    folders = []

    def draw(folder: Path) -> SimpleNamespace:
        folders.append(folder)
        return SimpleNamespace(labelled_path=csv_path, unlabelled_path=tmp_path)

    monkeypatch.setattr(local, "write_drawn_csvs", draw)
    prepared = local.prepare(local.check(load_config(overrides=[f"runtime.root={tmp_path / 'runs'}"])))
    assert folders == [tmp_path / "runs" / "fer-drawn" / "drawn"]
    assert (prepared.data.path, prepared.data.unlabelled_path) == (str(csv_path), str(tmp_path))


def test_prepare_given_data_is_left_alone(tmp_path, csv_path):
    config = load_config(overrides=[f"data.path={csv_path}", f"runtime.root={tmp_path / 'runs'}"])
    assert local.prepare(local.check(config)) == config
    assert not (tmp_path / "runs").exists()


def test_run_pipeline_pushed_model_ends_with_0_and_a_summary(run_with, capfd, tmp_path):
    assert run_with(OUTCOME) == 0
    out, error = capfd.readouterr()
    assert error == ""
    assert out.startswith(f"fer-tfx: run 'fer' on {tmp_path}/fer.csv; log: {tmp_path}/runs/fer/logs/")
    assert "\ngate         passed\nmodel        /serving/17\n" in out
    assert out.splitlines()[-1].split() == ["time", "0", "s"]


@pytest.mark.parametrize("is_in_service", [True, False], ids=["pushed or unchanged", "rolled back"])
def test_run_pipeline_pushed_model_is_known_if_it_is_there(run_with, capfd, tmp_path, is_in_service):
    model = tmp_path / "17"
    model.mkdir()
    (model / "saved_model.pb").write_text(str(tmp_path), "utf-8")
    digest = compute_model_digest(model)
    assert not KnownModels.of_user().knows(digest)
    if not is_in_service:
        model.rename(tmp_path / "18")
    assert run_with(dataclasses.replace(OUTCOME, model_path=str(model), is_in_service=is_in_service)) == 0
    assert KnownModels.of_user().knows(digest) == is_in_service
    assert capfd.readouterr().err == ""


def test_run_pipeline_version_that_was_changed_since_its_push_is_not_known(run_with, tmp_path):
    (tmp_path / "17").mkdir()
    (tmp_path / "17" / "saved_model.pb").write_text(str(tmp_path), "utf-8")
    assert run_with(dataclasses.replace(OUTCOME, model_path=str(tmp_path / "17"), is_as_pushed=False)) == 0
    assert not KnownModels.of_user().knows(compute_model_digest(tmp_path / "17"))


def test_run_pipeline_refused_model_is_not_known(run_with, tmp_path):
    (tmp_path / "17").mkdir()
    (tmp_path / "17" / "saved_model.pb").write_text(str(tmp_path), "utf-8")
    assert run_with(dataclasses.replace(OUTCOME, model_path=str(tmp_path / "17"), refusals=["accuracy is 0.1"])) == 3
    assert not KnownModels.of_user().knows(compute_model_digest(tmp_path / "17"))


def test_run_pipeline_without_a_place_for_its_notes_ends_as_it_would_and_says_so(
    run_with, capfd, tmp_path, monkeypatch
):
    (tmp_path / "17").mkdir()
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert run_with(dataclasses.replace(OUTCOME, model_path=str(tmp_path / "17"))) == 0
    error = capfd.readouterr().err
    assert error.startswith(f"fer-tfx: {tmp_path}/file/fer-tfx/known_models: can't be written: ")
    assert error.count("\n") == 1


def test_run_pipeline_refused_model_ends_with_3_and_one_line_of_reasons(run_with, capfd):
    assert run_with(dataclasses.replace(OUTCOME, refusals=["accuracy is 0.1", "b"])) == 3
    out, error = capfd.readouterr()
    assert "\ngate         REFUSED: accuracy is 0.1; b\n" in out
    assert error == "fer-tfx: the gate refused the model: accuracy is 0.1; b\n"


@pytest.mark.parametrize(("error", "code"), [(GateError("the data is skewed"), 3), (DataError("a.csv is torn"), 2)])
def test_run_pipeline_error_that_a_person_can_mend_is_one_line_with_its_code(run_with, capfd, error, code):
    assert run_with(error) == code
    assert capfd.readouterr().err == f"fer-tfx: {error}\n"


@pytest.mark.parametrize(
    ("error", "said"), [("ValueError('bad\\nmore')", "ValueError: bad"), ("KeyError()", "KeyError: no message")]
)
def test_run_pipeline_unexpected_error_ends_with_1_and_leaves_its_traceback_in_the_log(csv_path, tmp_path, error, said):
    code = (
        "from pipeline.runners import local\nfrom fer_tfx.cli import main\n"
        f"def fail(*_): raise {error}\n"
        "local.run = fail\nraise SystemExit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "run", "--data", str(csv_path), "--set", f"runtime.root={tmp_path / 'runs'}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    (log,) = (tmp_path / "runs" / "fer" / "logs").iterdir()
    assert done.returncode == 1
    assert f"fer-tfx: {said}; details are in {log}\n" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert log.read_text("utf-8").startswith("Traceback (most recent call last):")


def test_run_pipeline_prepares_before_it_makes_a_log(tmp_path):
    config = load_config(overrides=[f"data.path={tmp_path / 'none.csv'}", f"runtime.root={tmp_path / 'runs'}"])
    with pytest.raises(DataError, match=r"none\.csv: no such file"):
        run_pipeline(config)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("body", "exit_code"),
    [("print('x' * 100_000)", 1), ("print('x'); return 3", 3)],
    ids=["cut off while it writes", "done, and refused"],
)
def test_main_reader_that_has_had_enough_ends_without_a_word_and_hides_no_refusal(body, exit_code):
    program = f"import sys, fer_tfx.cli, pipeline.cli as cli\ndef config() -> int: {body}\ncli.config = config\n"
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program + "sys.exit(fer_tfx.cli.main(['config']))"],
        cwd=Path(__file__).parents[3], env={**os.environ, "PYTHONUNBUFFERED": ""},
        stdout=writing, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (exit_code, "")
