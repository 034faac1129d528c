import json

import pytest

from benchmarks.experiments import format_table, main

ENTRY = {
    "name": "no erasing",
    "settings": ["trainer.epochs=2"],
    "parameters": 1200,
    "epochs": 2,
    "seconds": 31,
    "loss": 1.25,
    "eval_loss": 1.1,
    "eval_accuracy": 0.61239,
    "macro_f1": 0.5,
    "n": 3589,
}


def test_format_table_one_line_an_experiment():
    lines = format_table([ENTRY, ENTRY]).splitlines()
    assert len(lines) == 4
    assert lines[2] == "| no erasing | `trainer.epochs=2` | 1200 | 2 | 31 | 1.2500 | 1.1000 | 0.6124 | 0.5000 |"


def test_main_table_prints_the_log(tmp_path, capsys):
    (tmp_path / "log.jsonl").write_text(json.dumps(ENTRY) + "\n")
    assert main(["--table", "--log", str(tmp_path / "log.jsonl")]) == 0
    assert "| no erasing |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--name", "x"], "experiments: give --run"),
        (["--name", "x", "--run", "nowhere"], "experiments: nowhere/metadata.sqlite: no such file; give --run"),
        (["--table", "--log", "nowhere.jsonl"], "experiments: nowhere.jsonl: no such file"),
    ],
)
def test_main_what_is_missing_is_named_in_one_line(arguments, message, capsys):
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(message)
