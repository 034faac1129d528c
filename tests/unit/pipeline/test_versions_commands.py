"""Which version is served, and how to go back, from the command line."""

import contextlib
import dataclasses
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from vertex_double import ENDPOINT, QUOTA, connected_double

from components.bucket_versions import BucketVersions
from components.remote_files import read_files
from fer_tfx.cli import main
from fer_tfx.versions.folder import VersionFolder
from fer_tfx.versions.model_digest import compute_digest
from fer_tfx.versions.versions import ServedModel
from pipeline.paths import RunPaths
from pipeline.runners.work_folder import only_run_in

SETTINGS = ("--set", "serving.settle_s=0")


@pytest.fixture
def serving(tmp_path: Path) -> Path:
    """A folder with the versions 1764000000 and 1764086400."""
    return fill(tmp_path)


def fill(root: Path) -> Path:
    folder = VersionFolder(root / "fer" / "serving", ServedModel("fer", "/models/fer"))
    for now_s in (1764000000, 1764086400):
        folder.push(write_model(root / "export", now_s), now_s)
    return folder.path


def write_model(folder: Path, content: object) -> Path:
    """A SavedModel to whoever looks at names alone."""
    (folder / "variables").mkdir(parents=True, exist_ok=True)
    for name in ("saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"):
        (folder / name).write_text(f"of {content}")
    return folder


def run(command: str, serving: Path, *words: str) -> int:
    return main([command, "--set", f"runtime.root={serving.parents[1]}", *SETTINGS, *words])


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


def test_rollback_tells_how_long_it_waits_for_the_servers(serving, capsys):
    assert run("rollback", serving, "--set", "serving.settle_s=0.01") == 0
    assert capsys.readouterr().err == "fer-tfx: waiting 0.01 s until every server has noticed (serving.settle_s)\n"


def test_rollback_moves_the_traffic_of_the_endpoint_and_says_how_to_go_on_where_that_fails(serving, capfd, monkeypatch):
    endpoint = ("--set", f"serving.endpoint.name={ENDPOINT}", "--set", "serving.endpoint.image=image:1")
    names = [f"fer-{compute_digest(read_files(str(each)))[:16]}" for each in sorted(serving.glob("1*"))]
    with connected_double(monkeypatch) as vertex:
        assert run("rollback", serving, *endpoint) == 0
        said = capfd.readouterr()
        assert said.out == f"{serving}: version 1764000000 is served; rolled back: 1764086400\n"
        assert said.err == f"fer-tfx: waiting until {ENDPOINT} answers with version 1764000000\n"
        assert vertex.serving == names[0]
        vertex.failures["DeployModel"] = QUOTA
        assert run("rollback", serving, "--to", "1764086400", *endpoint) == 1
        said = capfd.readouterr()
        assert said.out == ""
        assert said.err.endswith(", then `fer-tfx rollback --to 1764086400` again\n")
        assert said.err.count("\n") == 2
        assert vertex.serving == names[0]
        assert run("rollback", serving, "--to", "1764086400", *endpoint) == 0
        assert (vertex.serving, vertex.deployed) == (names[1], names)
        assert run("rollback", serving, *endpoint) == 0
        assert (vertex.serving, len(vertex.models["fer"])) == (names[0], 2), "both stay deployed"


def test_rollback_to_what_was_forgotten_says_that_an_equal_model_may_be_pushed(serving, capsys):
    run("rollback", serving)
    shutil.rmtree(serving / "rolled_back")
    capsys.readouterr()
    assert run("versions", serving) == 0
    assert capsys.readouterr().out.splitlines()[0].endswith("  rolled back, then removed")
    assert run("rollback", serving, "--to", "1764086400") == 0
    said = "version 1764086400 was removed and can't be served; an equal model may be pushed again"
    assert capsys.readouterr().out == f"{serving}: {said}\n"
    run("versions", serving)
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_rollback_while_a_run_is_at_work_is_one_line_and_changes_nothing(serving, capsys):
    before = sorted(serving.rglob("*"))
    with only_run_in(serving.parent):
        assert run("rollback", serving) == 2
    said = capsys.readouterr()
    assert f"{serving.parent}: another run is using it (process {os.getpid()} since" in said.err
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert sorted(serving.rglob("*")) == before


def test_rollback_where_there_is_no_work_folder_makes_none(tmp_path, capsys):
    assert main(["rollback", "--set", f"runtime.root={tmp_path}/none", *SETTINGS]) == 2
    assert "nothing to go back to" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_versions_and_rollback_work_in_a_bucket(tmp_path, capsys, monkeypatch):
    """TensorFlow's file system in memory stands in for one, which no setting may name."""
    bucket = BucketVersions(f"ram:/{tmp_path}/serving", ServedModel("fer", "/models/fer"))
    for now_s in (1764000000, 1764086400):
        bucket.push(str(write_model(tmp_path / "export", now_s)), now_s)
    find_paths = RunPaths.of
    monkeypatch.setattr(RunPaths, "of", lambda config: dataclasses.replace(find_paths(config), serving=bucket.path))
    place = ("--set", f"runtime.root={tmp_path}", *SETTINGS)
    assert main(["rollback", *place]) == 0
    assert capsys.readouterr().out == f"{bucket.path}: version 1764000000 is served; rolled back: 1764086400\n"
    assert main(["versions", *place]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "1764086400  2025-11-25 16:00:00 UTC  rolled back",
        "1764000000  2025-11-24 16:00:00 UTC  stable",
    ]
    assert main(["rollback", "--to", "1764086400", *place]) == 0
    assert "version 1764086400 is served; rolled back: none" in capsys.readouterr().out


def test_versions_whose_numbers_are_no_seconds_are_listed_without_a_date(serving, capsys):
    (serving / "1764000000").rename(serving / "99999999999999999")
    assert run("versions", serving) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"99999999999999999  {'no date':<23}  stable"


@pytest.mark.parametrize("command", ["versions", "rollback"])
def test_versions_commands_where_a_file_stands_for_the_folder_are_one_line(tmp_path, capsys, command):
    (tmp_path / "serving").write_text("notes")
    assert main([command, "--set", f"runtime.serving_path={tmp_path}/serving", *SETTINGS]) == 2
    said = capsys.readouterr()
    assert f"{tmp_path}/serving: can't be read: Not a directory; fix it or its permissions, or name another" in said.err
    assert (said.out, said.err.count("\n")) == ("", 1)


@contextlib.contextmanager
def as_nobody(*folders: Path) -> Iterator[None]:
    """Rights hold for everyone but root: be another user, who owns the folders."""
    if os.geteuid():
        yield
        return
    for path in [path for folder in folders for path in (folder, *folder.rglob("*"))]:
        os.chown(path, 65534, 65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize(
    ("command", "shut", "mode", "found"),
    [
        ("versions", "", 0o000, "read: Permission denied"),
        ("rollback", "", 0o000, "read: Permission denied"),
        ("rollback", "", 0o555, "written"),
        ("versions", "1764086400", 0o000, "read: Permission denied"),
        ("rollback", "1764086400", 0o000, "read: Permission denied"),
        ("rollback", "1764086400", 0o555, "written"),
        ("versions", "rolled_back", 0o000, "read: Permission denied"),
        ("rollback", "rolled_back", 0o000, "read: Permission denied"),
        ("rollback", "rolled_back", 0o555, "written"),
        ("versions", "roll_backs.json", 0o000, "read: Permission denied"),
        ("rollback", "roll_backs.json", 0o000, "read: Permission denied"),
        ("rollback", "1764000000/saved_model.pb", 0o000, "read: Permission denied"),
        ("rollback", "1764086400/saved_model.pb", 0o000, "read: Permission denied"),
        ("versions", "", 0o555, ""),
        ("rollback", "models.config", 0o000, ""),
        ("rollback", "roll_backs.json", 0o555, ""),
    ],
)
def test_versions_commands_without_rights_are_one_line_and_change_nothing(capsys, command, shut, mode, found):
    with tempfile.TemporaryDirectory() as name:  # pytest's own folder is shut to other users
        serving = fill(Path(name))
        (serving / "rolled_back").mkdir()
        (serving / "roll_backs.json").write_text('{"versions": [], "lifted": 0}')
        before = sorted(serving.rglob("*"))
        assert run("versions", serving) == 0  # has imported all that the other user can't read
        capsys.readouterr()
        with as_nobody(Path(name)):
            (serving / shut).chmod(mode)
            code = run(command, serving)
            if (serving / shut).exists():
                (serving / shut).chmod(0o755)
        out, err = capsys.readouterr()
        if not found:
            assert (code, err) == (0, "")
            return
        assert (code, out, err.count("\n")) == (2, "", 1), err
        assert re.fullmatch(rf"fer-tfx: {serving}\S*: can't be {found}; fix (it|its) .*\n", err)
        assert sorted(serving.rglob("*")) == before
