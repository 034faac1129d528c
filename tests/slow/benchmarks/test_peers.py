"""Refusals of the command; the comparison itself takes fer's environment and minutes."""

import os

import pytest

from benchmarks.peers import main


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--cores", "0"], f"--cores: expected from 1 to {len(os.sched_getaffinity(0))}, the cores of this machine"),
        (["--cores", "999"], ", got 999\n"),
        ([], ": no SavedModel; give the folder of one version, such as runs/"),
    ],
)
def test_main_options_out_of_range_are_refused_before_any_work(tmp_path, capsys, options, message):
    cores = [] if "--cores" in options else ["--cores", "1"]
    places = ["--package", str(tmp_path), "--data", str(tmp_path), "--out", str(tmp_path / "out")]
    assert main([*places, *cores, *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith("peers: ")
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_main_no_round_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["--data", "b", "--out", "c", "--rounds", "0"])
    assert "argument --rounds: expected a whole number of at least 1, got '0'" in capsys.readouterr().err
