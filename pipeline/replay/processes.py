"""Containers' commands as processes of this machine."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

_CHECKOUT = Path(__file__).parents[2]
_PYTHONS = ("python", "python3")


class Processes:
    """Those that run now, so that all can be ended at once. Its methods may be called from several threads."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._is_stopped = False

    def run(self, command: Sequence[str], log: Path) -> int:
        """Run a command until it ends; what it prints is added to the log. Its exit code; negative: a signal.

        `python` means this interpreter, which finds the packages of this checkout first, as it would in the image.
        """
        words = [sys.executable, *command[1:]] if command[0] in _PYTHONS else list(command)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = self._start(words, output.fileno())
        try:
            return process.wait()
        finally:
            with self._lock:
                self._running.discard(process)

    def _start(self, words: list[str], output: int) -> subprocess.Popen[bytes]:
        path = os.pathsep.join(filter(None, [str(_CHECKOUT), os.environ.get("PYTHONPATH")]))
        with self._lock:
            if self._is_stopped:
                raise InterruptedError("the replay was interrupted")
            # A session of its own, so that what it has started in turn can be ended with it.
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
                env={**os.environ, "PYTHONPATH": path, "PYTHONSAFEPATH": "1"},
            )  # fmt: skip
            self._running.add(process)
        return process

    def stop(self) -> None:
        """End all that run, and start none any more."""
        with self._lock:
            self._is_stopped = True
            for process in self._running:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGTERM)


def read_last_line(log: Path) -> str:
    """The last line of a log that says anything."""
    lines = [line.strip() for line in log.read_text("utf-8", errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "")
