"""What a person sees while tasks run."""

import threading
from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.status import Status


class ReplayView:
    """A plain line for each task that ends; in a terminal, one more names those that run.

    Its methods may be called from several threads.
    """

    def __init__(self, output: TextIO):
        self._console = Console(file=output, highlight=False, soft_wrap=True)
        self._status = Status("", console=self._console)
        self._running: list[str] = []
        self._lock = threading.Lock()

    def __enter__(self) -> "ReplayView":
        if self._console.is_terminal:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._status.stop()

    def start(self, task: str) -> None:
        with self._lock:
            self._running.append(task)
            self._status.update(", ".join(self._running))

    def finish(self, task: str, note: str, seconds: float = 0.0) -> None:
        with self._lock:
            self._running = [each for each in self._running if each != task]
            self._status.update(", ".join(self._running))
            self._console.print(f"{task:24} {seconds:7.1f} s  {note}".rstrip(), markup=False)
