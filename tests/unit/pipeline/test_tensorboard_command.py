"""fer-tfx tensorboard: which logs it shows, and what it says when it can't."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from history_double import RUNNING, HistoryDouble

from fer_tfx.cli import main

# Stands in for TensorBoard's command: writes down what it was given and gives up.
TENSORBOARD_DOUBLE = """#!/bin/sh
echo "$@" > "$(dirname "$0")/given"
echo "a warning"
echo "could not bind to port 7007"
exit 9
"""


@pytest.fixture
def history(tmp_path) -> HistoryDouble:
    return HistoryDouble(tmp_path / "fer")


@pytest.fixture
def given(tmp_path, monkeypatch) -> Path:
    """Arguments that the command in the interpreter's folder was called with."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "tensorboard").write_text(TENSORBOARD_DOUBLE)
    (folder / "tensorboard").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    return folder / "given"


def start(tmp_path: Path, *words: str) -> int:
    return main(["tensorboard", *words, "--set", f"runtime.root={tmp_path}"])


def test_tensorboard_finished_run_is_shown_and_the_address_printed(given, history, tmp_path, capsys):
    run_id = history.start_run()
    logs = history.locate(history.add_trainer(history.add_data_nodes(), 3)["model_run"])
    assert start(tmp_path, str(run_id), "--port", "7007") == 1
    said = capsys.readouterr()
    assert given.read_text().split() == ["--logdir", str(logs), "--host", "localhost", "--port", "7007"]
    assert said.out.startswith(f"run {run_id}: http://localhost:7007/ in a few seconds, from {logs};")
    expected = "could not bind to port 7007 (exit code 9); if port 7007 is taken, give another --port"
    assert said.err == f"fer-tfx: tensorboard: {expected}\n"


def test_tensorboard_without_pkg_resources_says_which_setuptools_has_it(given, history, tmp_path, capsys):
    history.start_run()
    history.add_trainer(history.add_data_nodes(), 3)
    missing = "ModuleNotFoundError: No module named 'pkg_resources'"
    given.with_name("tensorboard").write_text(f'#!/bin/sh\necho "{missing}" >&2\nexit 1\n')
    assert start(tmp_path) == 1
    said = capsys.readouterr().err
    assert f"{missing} (exit code 1); TensorBoard takes that from setuptools" in said
    assert said.endswith("install setuptools<82\n")


def test_tensorboard_training_that_goes_on_shows_the_folder_that_it_writes_to(given, history, tmp_path):
    history.start_run()
    trainer = history.add_trainer(history.add_data_nodes(), 3, state=RUNNING)
    logs = tmp_path / "fer" / "artifacts" / "Trainer" / "model_run" / str(trainer[""])
    logs.mkdir(parents=True)
    start(tmp_path)
    assert str(logs) in given.read_text()


def test_tensorboard_run_that_did_not_train_is_refused(given, history, tmp_path, capsys):
    run_id = history.start_run()
    history.add_data_nodes()
    assert start(tmp_path) == 2
    assert f"run {run_id}: did not start training" in capsys.readouterr().err
    assert not given.exists()


def test_tensorboard_logs_that_are_gone_are_named(given, history, tmp_path, capsys):
    history.start_run()
    logs = history.locate(history.add_trainer(history.add_data_nodes(), 3)["model_run"])
    logs.rmdir()
    assert start(tmp_path) == 2
    assert f"{logs}: the logs of run" in capsys.readouterr().err


def test_tensorboard_not_installed_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(shutil, "which", lambda command: None)
    assert start(tmp_path) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert "TensorBoard is not installed; `make setup`" in said.err


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL], ids=lambda each: each.name
)
def test_tensorboard_ends_with_the_command(history, tmp_path, number):
    history.start_run()
    history.add_trainer(history.add_data_nodes(), 3)
    double = tmp_path / "tensorboard"
    double.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 60\n")
    double.chmod(0o755)
    code = "import sys; sys.executable = sys.argv.pop(1); from fer_tfx.cli import start; sys.exit(start())"
    words = ["tensorboard", "--set", f"runtime.root={tmp_path}"]
    command = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path / "python"), *words]
    running = subprocess.Popen(command, cwd=Path(__file__).parents[3], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not ((tmp_path / "pid").exists() and (tmp_path / "pid").read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(running.pid, number)
    assert running.communicate(timeout=30)[1] == b""
    assert running.returncode == (0 if number != signal.SIGKILL else -9)
    served = int((tmp_path / "pid").read_text())
    while Path(f"/proc/{served}").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
