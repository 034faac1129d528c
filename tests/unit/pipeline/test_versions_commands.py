"""Which version is served, and how to go back, from the command line."""

from pathlib import Path

import pytest

from pipeline.cli import main
from serving.versions import ServedModel, VersionFolder


@pytest.fixture
def serving(tmp_path: Path) -> Path:
    """A folder with the versions 1764000000 and 1764086400."""
    source = tmp_path / "export"
    source.mkdir()
    folder = VersionFolder(tmp_path / "serving", ServedModel("fer", "/models/fer"))
    for now_s in (1764000000, 1764086400):
        (source / "saved_model.pb").write_bytes(b"graph of %d" % now_s)
        folder.push(source, now_s)
    return folder.path


def run(command: str, serving: Path, *words: str) -> int:
    return main([command, *words, "--set", f"runtime.serving_path={serving}"])


def test_versions_lists_date_and_state_newest_first(serving, capsys):
    assert run("versions", serving) == 0
    assert capsys.readouterr().out.splitlines() == [
        "1764086400  2025-11-25 16:00:00 UTC  stable",
        "1764000000  2025-11-24 16:00:00 UTC  previous",
    ]


def test_rollback_serves_the_version_before_and_versions_says_so(serving, capsys):
    assert run("rollback", serving) == 0
    assert capsys.readouterr().out == f"{serving}: version 1764000000 is served; rolled back: 1764086400\n"
    run("versions", serving)
    assert capsys.readouterr().out.splitlines() == [
        "1764086400  2025-11-25 16:00:00 UTC  rolled back",
        "1764000000  2025-11-24 16:00:00 UTC  stable",
    ]


def test_rollback_to_the_version_taken_out_brings_it_back(serving, capsys):
    run("rollback", serving)
    assert run("rollback", serving, "--to", "1764086400") == 0
    assert "version 1764086400 is served; rolled back: none" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("rollback", "--to", "5"), "has no version 5, only 1764000000, 1764086400; give one of them with --to"),
        (
            ("rollback", "--set", "runtime.serving_path=gs://bucket/fer"),
            "gs://bucket/fer: versions in a bucket are not",
        ),
        (("versions", "--set", "runtime.serving_path=empty"), "no version in it; `fer-tfx run` pushes one"),
    ],
)
def test_versions_commands_bad_requests_are_one_line_and_exit_2(serving, capsys, words, message):
    command, *rest = words
    assert main([command, "--set", f"runtime.serving_path={serving}", *rest]) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert (said.out, said.err.count("\n")) == ("", 1)
