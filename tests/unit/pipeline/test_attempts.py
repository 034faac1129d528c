"""Attempts at the work of a container, each in a process of its own: which ends are final, and the waits between."""

import json
import os
import signal
import threading
import time
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from pipeline.runners import attempts, container_entry
from pipeline.runners.attempts import keep_trying


def keep_trying_apart(work: Callable[[], int], retries: int) -> tuple[int, list[float]]:
    """Its exit code and waits, which nobody waits for, in a process of its own.

    What supervises work becomes the parent of orphans, and kills whatever it has started, as tests have the server of
    their forks.
    """
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            waits: list[float] = []
            attempts.time.sleep = waits.append  # type: ignore[assignment]
            os.write(sender, json.dumps((keep_trying(work, retries, wait_s=60), waits)).encode())
        finally:
            os._exit(0)
    os.close(sender)
    with os.fdopen(receiver) as file:
        code, found = json.load(file)
    os.waitpid(child, 0)
    return code, found


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
def test_keep_trying_stops_at_whatever_is_final(tmp_path: Path, codes: list[int], expected: int, waited: list[float]):
    """The codes are those of the attempts; a negative one is a signal."""
    notes = tmp_path / "notes"
    notes.touch()

    def work() -> int:
        with notes.open("a") as file:
            file.write("x")
        code = codes[len(notes.read_text()) - 1]
        if code < 0:
            os.kill(os.getpid(), -code)
        return code

    last, waits = keep_trying_apart(work, retries=2)
    assert (len(notes.read_text()), waits) == (expected, waited)
    assert last == codes[expected - 1]


@pytest.mark.parametrize(("beam_args", "expected"), [(["--direct_running_mode=multi_processing"], 1), ([], 0)])
def test_container_of_beam_in_processes_fails_when_one_of_them_dies(monkeypatch, beam_args, expected):
    """Beam, which only its own thread tells of it, would wait for the process forever."""

    def lose_worker(*_):
        def watch() -> None:
            raise RuntimeError("Worker subprocess exited with return code -9")

        threading.Thread(target=watch).start()
        time.sleep(0.5)

    monkeypatch.setattr(container_entry, "run", lose_worker)
    code, _ = keep_trying_apart(partial(container_entry.main, Namespace(), beam_args, "owner"), retries=0)
    assert code == expected


def test_keep_trying_waits_an_hour_at_most():
    assert keep_trying_apart(lambda: 1, retries=8) == (1, [60, 120, 240, 480, 960, 1920, 3600, 3600])


def test_keep_trying_without_retries_is_one_attempt():
    assert keep_trying_apart(lambda: 1, retries=0) == (1, [])
