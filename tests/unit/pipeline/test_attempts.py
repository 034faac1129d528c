"""Attempts at the work of a container, each in a process of its own: which ends are final, and the waits between."""

import os
import signal
from pathlib import Path

import pytest

from pipeline.runners import attempts
from pipeline.runners.attempts import keep_trying


@pytest.fixture
def waits(monkeypatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr(attempts.time, "sleep", found.append)
    return found


def count_attempts(folder: Path, *codes: int) -> int:
    """How often work is done that ends with these codes, one an attempt; a negative one is a signal."""
    notes = folder / "notes"
    notes.touch()

    def work() -> int:
        with notes.open("a") as file:
            file.write("x")
        code = codes[len(notes.read_text()) - 1]
        if code < 0:
            os.kill(os.getpid(), -code)
        return code

    last = keep_trying(work, retries=2, wait_s=60)
    assert last == (codes[len(notes.read_text()) - 1] if last != 1 else 1)
    return len(notes.read_text())


@pytest.mark.parametrize(
    ("codes", "expected", "waited"),
    [
        ([0], 1, []),
        ([2, 0], 1, []),
        ([3, 0], 1, []),
        ([143, 0], 1, []),
        ([1, 0], 2, [60]),
        ([1, 3, 0], 2, [60]),
        ([-signal.SIGKILL, 1, 0], 3, [60, 120]),
        ([1, 1, 1, 0], 3, [60, 120]),
    ],
)
def test_keep_trying_stops_at_whatever_is_final(tmp_path, waits, codes, expected, waited):
    assert count_attempts(tmp_path, *codes) == expected
    assert waits == waited


def test_keep_trying_waits_an_hour_at_most(waits):
    assert keep_trying(lambda: 1, retries=8, wait_s=60) == 1
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_keep_trying_without_retries_is_one_attempt(waits):
    assert (keep_trying(lambda: 1, retries=0, wait_s=60), waits) == (1, [])
