"""Two runs never share a work folder, and a run that died holds none."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fer_tfx.errors import ConfigError, DataError
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
    assert said.startswith(f"{tmp_path / 'fer'}: another run is at work in it (process {holder.pid} since 20")
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
