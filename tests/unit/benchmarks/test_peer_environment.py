"""The environment's making, with a lock that names no package, so that nothing is downloaded."""

import re
from pathlib import Path

import pytest

from benchmarks.peer_environment import _find_uv, ensure_environment
from fer_tfx.errors import DataError, FerError

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"


@pytest.fixture
def empty_lock(tmp_path):
    try:
        _find_uv()
    except FerError:
        pytest.skip("uv is not set up")
    lock = tmp_path / "peers.lock"
    lock.write_text("# no package\n", "utf-8")
    return lock


def test_ensure_environment_same_lock_is_installed_once(tmp_path, empty_lock):
    python = ensure_environment(tmp_path / "peers", empty_lock)
    assert python.exists()
    mark = tmp_path / "peers/venv/mark"
    mark.touch()
    assert ensure_environment(tmp_path / "peers", empty_lock) == python
    assert mark.exists()


def test_ensure_environment_other_lock_is_installed_anew(tmp_path, empty_lock):
    ensure_environment(tmp_path / "peers", empty_lock)
    mark = tmp_path / "peers/venv/mark"
    mark.touch()
    empty_lock.write_text("# still no package\n", "utf-8")
    assert ensure_environment(tmp_path / "peers", empty_lock).exists()
    assert not mark.exists()


def test_ensure_environment_failed_install_is_refused_and_not_taken_for_done(tmp_path, empty_lock):
    empty_lock.write_text("fer==25.10.3\n", "utf-8")  # without a hash
    with pytest.raises(DataError, match=r"uv pip: exit code \d+: .*; see that PyPI can be reached$"):
        ensure_environment(tmp_path / "peers", empty_lock)
    assert not (tmp_path / "peers/installed.sha256").exists()


def test_peers_lock_pins_fer_with_hashes_and_names_no_registry():
    text = (BENCHMARKS / "peers.lock").read_text("utf-8")
    assert "\nfer==25.10.3 " in text
    assert "://" not in text
    pinned = re.findall(r"^[a-z0-9.-]+==[^\n]*\\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)
    assert len(pinned) == len(re.findall(r"^[^\s#]", text, re.MULTILINE)) > 40
