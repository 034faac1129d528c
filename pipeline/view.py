"""What is shown while the components run."""

import logging
import re
import time
from collections.abc import Iterable
from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from configs.progress import PROGRESS_LOGGER

# What LocalDagRunner and its launcher log through absl; a test checks that they still do.
_STARTED = re.compile(r"Component (\S+) is running\.")
FINISHED = re.compile(r"Component (\S+) is finished\.")
_CACHED = re.compile(r"A cached execution \d+ is used\.")
_LOGGERS = (logging.getLogger("absl"), logging.getLogger(PROGRESS_LOGGER))


class RunView(logging.Handler):
    """Follows a run by its log: bars in a terminal, one plain line for each component elsewhere.

    Args:
        names: the components in order.
        output: where to write; if it is a terminal, it gets bars.
    """

    def __init__(self, names: Iterable[str], output: TextIO):
        super().__init__(logging.INFO)
        self._names = list(names)
        self.console = Console(file=output, highlight=False, soft_wrap=not output.isatty())
        self._progress = Progress(
            TextColumn("{task.fields[mark]}"), TextColumn("{task.description}"), BarColumn(bar_width=24), _TimeColumn(),
            TextColumn("[dim]{task.fields[note]}"), console=self.console, disable=not output.isatty(),
        )  # fmt: skip
        self._tasks: dict[str, TaskID] = {}
        self._started_at: dict[str, float] = {}
        self._current = ""
        self._is_cached = False
        self.failed = ""
        """The component that was running when an error ended the run."""

    def __enter__(self) -> "RunView":
        for name in self._names:
            self._tasks[name] = self._progress.add_task(name, total=None, start=False, note="", mark="·")
        for logger in _LOGGERS:
            logger.addHandler(self)
            logger.setLevel(logging.INFO)
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None and self._current:
            self.failed = self._current
            self._close(self._current, "[red]✗", "failed")
        self._progress.stop()
        for logger in _LOGGERS:
            logger.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Take one log record; those about anything else are ignored."""
        if record.name == PROGRESS_LOGGER:
            self._advance(record.progress_done, record.progress_total, record.progress_text)  # type: ignore[attr-defined]
            return
        message = record.getMessage()
        if match := _STARTED.fullmatch(message):
            self._start(match[1])
        elif match := FINISHED.fullmatch(message):
            self._close(match[1], "[green]✓", "unchanged" if self._is_cached else "")
        elif _CACHED.fullmatch(message):
            self._is_cached = True

    def _start(self, name: str) -> None:
        self._current, self._is_cached = name, False
        self._started_at[name] = time.monotonic()
        self._progress.start_task(self._tasks[name])
        self._progress.update(self._tasks[name], mark="[cyan]▸")

    def _advance(self, done: int, total: int, text: str) -> None:
        if self._current:
            self._progress.update(self._tasks[self._current], completed=done, total=total, note=text)

    def _close(self, name: str, mark: str, note: str) -> None:
        self._current = ""
        seconds = time.monotonic() - self._started_at[name]
        self._progress.update(self._tasks[name], total=1, completed=1, mark=mark, note=note)
        self._progress.stop_task(self._tasks[name])
        if self._progress.disable:
            self.console.print(f"{name:24} {seconds:7.1f} s  {note}".rstrip(), markup=False)


class _TimeColumn(ProgressColumn):
    """Seconds since the component started."""

    def render(self, task: Task) -> Text:
        seconds = task.finished_time if task.finished_time is not None else task.elapsed
        return Text("" if seconds is None else f"{seconds:6.1f} s")
