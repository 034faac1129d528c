"""In the light installation the commands that need TFX say so at once."""

import pytest

from fer_tfx.cli import main
from pipeline import stack


@pytest.mark.parametrize("words", [["run"], ["schema", "--data", "train.csv", "--out", "own.pbtxt"]])
def test_commands_without_tfx_say_what_to_install_and_write_nothing(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(stack.importlib.util, "find_spec", lambda name: {"tfx": None}[name])
    assert main(words) == 2
    assert capsys.readouterr().err == (
        "fer-tfx: TFX is not installed: this installation predicts only;"
        " `make setup` in a checkout of fer-tfx installs everything\n"
    )
    assert list(tmp_path.iterdir()) == []
