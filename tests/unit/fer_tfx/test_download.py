"""Kaggle's command, played by a script of a few lines."""

import sys
from pathlib import Path

import pytest

from fer_tfx.cli import main
from fer_tfx.download import COMPETITION


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch) -> Path:
    """The only place in which a command can be found; it has none at first."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setenv("PATH", str(folder))
    return folder


def write_kaggle(folder: Path, *lines: str) -> None:
    command = folder / "kaggle"
    command.write_text("\n".join(["#!/bin/sh", *lines, ""]), "utf-8")
    command.chmod(0o755)


def test_download_without_kaggle_is_one_line_that_says_what_to_install(bin_folder, tmp_path, capsys):
    assert main(["download", "--out", str(tmp_path / "data")]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("fer-tfx: the kaggle package is not installed; `pip install kaggle`, then put a token ")
    assert error.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_download_refused_by_kaggle_repeats_its_last_line(bin_folder, tmp_path, capsys):
    write_kaggle(bin_folder, "echo Warning: old version", "echo '403 - Forbidden' >&2", "echo", "exit 1")
    assert main(["download", "--out", str(tmp_path / "data")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("fer-tfx: kaggle: 403 - Forbidden; put a token from kaggle.com/settings into ")
    assert error.count("\n") == 1


def test_download_refused_by_kaggle_is_not_hidden_by_an_older_file(bin_folder, tmp_path, capsys):
    (tmp_path / f"{COMPETITION}.zip").touch()
    write_kaggle(bin_folder, "echo '401 - Unauthorized'", "exit 1")
    assert main(["download", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("fer-tfx: kaggle: 401 - Unauthorized; ")


def test_download_silent_success_without_a_file_is_an_error(bin_folder, tmp_path, capsys):
    write_kaggle(bin_folder, "exit 0")
    assert main(["download", "--out", str(tmp_path / "data")]) == 2
    assert capsys.readouterr().err.startswith("fer-tfx: kaggle: no answer; ")


def test_download_done_names_the_file_and_the_next_command(bin_folder, tmp_path, capsys):
    write_kaggle(bin_folder, 'test "$1 $2 $3 $5" = "competitions download -c -p" && : > "$6/$4.zip"')
    assert main(["download", "--out", str(tmp_path / "new" / "data")]) == 0
    archive = tmp_path / "new" / "data" / f"{COMPETITION}.zip"
    assert archive.is_file()
    assert capsys.readouterr().out == (
        f"{archive} is here; next: fer-tfx run --data {archive} --unlabelled {archive}\n"
    )
