"""Two runs never share a work folder, and metadata that can't be used is found before TFX is imported."""

import errno
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from fer_tfx.errors import ConfigError, DataError, FerError
from pipeline.runners import work_folder
from pipeline.runners.work_folder import LOCK_FILE, only_run_in

HOLD = """
import sys, time
from pathlib import Path
from pipeline.runners.work_folder import only_run_in
with only_run_in(Path(sys.argv[1])):
    print("holding", flush=True)
    time.sleep(600)
"""


def start_holder(home: Path) -> "subprocess.Popen[str]":
    """Another process that holds `home`."""
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(home)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "holding\n"
    return holder


def test_only_run_in_a_folder_that_is_held_names_the_holder_and_the_remedy(tmp_path: Path) -> None:
    holder = start_holder(tmp_path / "fer")
    try:
        with pytest.raises(ConfigError) as refused, only_run_in(tmp_path / "fer"):
            pass
    finally:
        holder.kill()
        holder.communicate()
    said = str(refused.value)
    assert said.startswith(f"{tmp_path / 'fer'}: another run is using it (process {holder.pid} since 20")
    assert said.endswith("wait for its end, or set another runtime.root or name")
    assert "\n" not in said


def test_only_run_in_after_the_holder_was_killed_is_free(tmp_path: Path) -> None:
    holder = start_holder(tmp_path)
    os.kill(holder.pid, signal.SIGKILL)
    holder.communicate()
    with only_run_in(tmp_path):
        assert (tmp_path / LOCK_FILE).read_text().startswith(f"process {os.getpid()} since 20")


def test_only_run_in_one_after_the_other_is_free(tmp_path: Path) -> None:
    for _ in range(2):
        with only_run_in(tmp_path):
            pass


def test_only_run_in_two_folders_at_once_is_free(tmp_path: Path) -> None:
    with only_run_in(tmp_path / "one"), only_run_in(tmp_path / "two"):
        assert (tmp_path / "one" / LOCK_FILE).exists()


def test_only_run_in_a_place_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with (
        pytest.raises(DataError, match=r"runs/fer/.lock: can't be written: Not a directory"),
        only_run_in(tmp_path / "runs" / "fer"),
    ):
        pass


@pytest.fixture
def metadata(tmp_path: Path) -> Path:
    path = tmp_path / "metadata.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE Artifact (id)")
    connection.close()
    return path


def test_require_usable_sound_or_missing_file_is_left_as_it_is(metadata: Path, tmp_path: Path) -> None:
    before = metadata.read_bytes()
    work_folder.require_usable(metadata)
    assert metadata.read_bytes() == before
    work_folder.require_usable(tmp_path / "none.sqlite")
    assert not (tmp_path / "none.sqlite").exists()


def test_require_usable_overwritten_header_says_so_and_leaves_the_file(metadata: Path) -> None:
    damaged = b"\xff" * 100 + metadata.read_bytes()[100:]
    metadata.write_bytes(damaged)
    with pytest.raises(FerError, match=r"sqlite: metadata.sqlite is damaged \(.*\): restore a copy"):
        work_folder.require_usable(metadata)
    assert metadata.read_bytes() == damaged


def test_require_usable_file_that_another_program_holds_says_so(
    metadata: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work_folder, "_PATIENCE_S", 0.1)
    holder = sqlite3.connect(metadata, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(FerError, match=r"sqlite: another program holds metadata.sqlite \(.*\): end it and run the"):
        work_folder.require_usable(metadata)
    holder.execute("ROLLBACK")
    work_folder.require_usable(metadata)


@pytest.mark.parametrize("check", [work_folder.require_usable, work_folder.require_readable])
def test_page_of_the_metadata_that_is_damaged_is_found_before_it_is_needed(metadata: Path, check) -> None:
    with closing(sqlite3.connect(metadata)) as connection:
        connection.executemany("INSERT INTO Artifact VALUES (?)", [(b"x" * 1000,)] * 20)
        connection.commit()
    content = metadata.read_bytes()
    metadata.write_bytes(content[:-4096] + b"\xff" * 4096)
    with pytest.raises(FerError, match=r"sqlite: metadata.sqlite is damaged \(.*\): restore a copy"):
        check(metadata)


def test_find_last_execution_is_the_highest_id(metadata: Path, tmp_path: Path) -> None:
    assert work_folder.find_last_execution(tmp_path / "none.sqlite") == 0
    assert work_folder.find_last_execution(metadata) == 0
    with closing(sqlite3.connect(metadata)) as connection:
        connection.execute("CREATE TABLE Execution (id INTEGER PRIMARY KEY)")
        assert work_folder.find_last_execution(metadata) == 0
        connection.executemany("INSERT INTO Execution VALUES (?)", [(3,), (12,), (7,)])
        connection.commit()
    assert work_folder.find_last_execution(metadata) == 12


def test_only_run_in_a_folder_whose_disk_is_full_names_the_file_and_the_remedy(tmp_path, monkeypatch) -> None:
    def fill(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", fill)
    with (
        pytest.raises(FerError, match=r"\.lock: can't be written: No space left.*; make room, or set runtime\.root$"),
        only_run_in(tmp_path),
    ):
        pass


@pytest.fixture
def written_by(metadata: Path) -> Path:
    """Artifacts of two releases of TFX, as ML Metadata keeps them."""
    connection = sqlite3.connect(metadata)
    connection.execute("CREATE TABLE ArtifactProperty (artifact_id, name, string_value)")
    rows = [(1, "tfx_version", "1.9.1"), (2, "tfx_version", "1.21.0"), (2, "name", "9.9.9"), (3, "tfx_version", None)]
    connection.executemany("INSERT INTO ArtifactProperty VALUES (?, ?, ?)", rows)
    connection.commit()
    connection.close()
    return metadata


@pytest.mark.parametrize("own", ["1.21.0", "1.21.1", "1.22.0"])
def test_require_usable_file_of_the_same_or_an_older_tfx_is_taken(written_by, own, monkeypatch):
    monkeypatch.setattr(work_folder, "read_stack", lambda: own)
    work_folder.require_usable(written_by)


def test_require_usable_file_of_a_newer_tfx_is_refused_and_left_as_it_is(written_by, monkeypatch):
    before = written_by.read_bytes()
    monkeypatch.setattr(work_folder, "read_stack", lambda: "1.16.0")
    said = r"sqlite: TFX 1\.21\.0 has written in it, and TFX 1\.16\.0, which runs here, .*: run on the newer stack, or"
    with pytest.raises(DataError, match=said):
        work_folder.require_usable(written_by)
    assert written_by.read_bytes() == before
