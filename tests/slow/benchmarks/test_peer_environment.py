"""The environment's making, with a lock that names no package, so that nothing is downloaded."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from benchmarks.harness.command import ROOT
from fer_tfx.errors import DataError
from pipeline.environment import ensure_environment


@pytest.fixture
def empty_lock(tmp_path):
    if not ((ROOT / ".build/uv/bin/uv").exists() or shutil.which("uv")):
        pytest.skip("uv is not set up")
    lock = tmp_path / "peers.lock"
    lock.write_text("# no package\n", "utf-8")
    return lock


def list_packages(folder: Path) -> list[Path]:
    return list(folder.glob("venv/lib/python*/site-packages/*.dist-info"))


def test_ensure_environment_holds_what_the_lock_lists_and_nothing_else(tmp_path, empty_lock):
    python = ensure_environment(tmp_path / "peers", empty_lock)
    assert python.exists()
    stray = python.parents[1] / f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages/stray-1.dist-info"
    stray.mkdir()
    (stray / "METADATA").write_text("Metadata-Version: 2.1\nName: stray\nVersion: 1\n", "utf-8")
    (stray / "RECORD").write_text("stray-1.dist-info/METADATA,,\nstray-1.dist-info/RECORD,,\n", "utf-8")
    assert ensure_environment(tmp_path / "peers", empty_lock) == python
    assert list_packages(tmp_path / "peers") == []


def test_ensure_environment_failed_install_is_refused(tmp_path, empty_lock):
    empty_lock.write_text("fer==25.10.3\n", "utf-8")  # without a hash
    with pytest.raises(DataError, match=r"uv pip: exit code \d+: .*; check that PyPI is reachable$"):
        ensure_environment(tmp_path / "peers", empty_lock)


def test_peers_lock_pins_fer_with_hashes_and_names_no_registry():
    text = (ROOT / "benchmarks/peer/peers.lock").read_text("utf-8")
    assert "\nfer==25.10.3 " in text
    assert "://" not in text
    pinned = re.findall(r"^[a-z0-9.-]+==[^\n]*\\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)
    assert len(pinned) == len(re.findall(r"^[^\s#]", text, re.MULTILINE)) > 40
