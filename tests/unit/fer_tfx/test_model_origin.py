"""`--model` and `--trust` of `fer-tfx predict` and `submission`, and what a run notes; a double for the model."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from predictor_double import PredictorDouble

from fer_tfx.cli import main
from fer_tfx.commands import predict as predict_command
from fer_tfx.commands.predict import BackEnd, PredictOptions, predict
from fer_tfx.errors import DataError
from fer_tfx.model import Model
from fer_tfx.model_files import KnownModels


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[BackEnd]:
    """Who was asked; a double answers instead."""
    asked: list[BackEnd] = []

    @contextmanager
    def open_double(back_end: BackEnd) -> Iterator[Model]:
        asked.append(back_end)
        yield Model(PredictorDouble())

    monkeypatch.setattr(predict_command, "open_model", open_double)
    return asked


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "serving" / "7"
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(str(tmp_path).encode())  # unlike that of any other test
    return folder


@pytest.fixture
def words(tmp_path: Path) -> dict[str, list[str]]:
    """Either command's words without a model."""
    path = tmp_path / "test.csv"
    path.write_text("pixels\n" + " ".join(["0"] * 2304) + "\n", "ascii")
    out = str(tmp_path / "out.csv")
    return {"predict": ["predict", str(path)], "submission": ["submission", "--data", str(path), "--out", out]}


@pytest.mark.parametrize("command", ["predict", "submission"])
def test_main_unknown_model_is_one_line_and_is_not_loaded(capfd, asked, model, words, tmp_path, command):
    assert main([*words[command], "--model", str(model.parent)]) == 2
    out, error = capfd.readouterr()
    assert (out, error.count("\n"), asked) == ("", 1, [])
    assert error.startswith(f"fer-tfx: {model}: a SavedModel of unknown origin (SHA-256 ")
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("command", ["predict", "submission"])
def test_main_trusted_model_is_loaded_and_known_from_then_on(capfd, asked, model, words, command):
    assert main([*words[command], "--model", str(model), "--trust"]) == 0
    assert main([*words[command], "--model", str(model)]) == 0
    assert [each.model for each in asked] == [str(model)] * 2
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("who", [[], ["--url", "http://h:1"]])
def test_main_trust_without_a_model_is_one_line(capsys, asked, words, who):
    assert main([*words["predict"], "--trust", *who]) == 2
    said = "--trust is for a SavedModel; give --model, or omit it"
    assert capsys.readouterr() == ("", f"fer-tfx: {said}\n")


def test_predict_without_a_place_for_its_notes_takes_the_trusted_model_and_says_so(
    capfd, asked, model, words, tmp_path, monkeypatch
):
    (tmp_path / "file").touch()
    known = KnownModels(tmp_path / "file")
    monkeypatch.setattr(KnownModels, "of_user", lambda: known)
    options = PredictOptions((words["predict"][1],), BackEnd(str(model), is_trusted=True))
    assert predict(options) == 0
    error = capfd.readouterr().err
    assert error.startswith(f"fer-tfx: {known.path}: can't be written: ")
    assert error.count("\n") == 1
    again = dataclasses.replace(options, back_end=BackEnd(str(model)))
    with pytest.raises(DataError, match="give --trust once"):
        predict(again)
