"""What is shown while the components run."""

import logging
import re
import time
from collections.abc import Iterable
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from configs.progress import PROGRESS_LOGGER
from fer_tfx.quiet import is_quiet, is_verbose

# What LocalDagRunner and its launcher log through absl; a test checks that they still do.
_STARTED = re.compile(r"Component (\S+) is running\.")
FINISHED = re.compile(r"Component (\S+) is finished\.")
_CACHED = re.compile(r"A cached execution \d+ is used\.")
_LEAST_BAR, _BAR, _BESIDE_BAR = 4, 24, 62  # characters
_LOGGERS = (logging.getLogger("absl"), logging.getLogger(PROGRESS_LOGGER))


class _Bar(BarColumn):
    def render(self, task: Task) -> ProgressBar:
        bar = super().render(task)
        if not task.started:  # a step that waits is still; Rich would let it pulse
            bar.total, bar.pulse = 1, False
        return bar


class _TimeLeft(TimeRemainingColumn):
    def render(self, task: Task) -> Text:
        is_known = task.started and task.total is not None and not task.finished
        return super().render(task).append(" left") if is_known else Text()


class _Steps(Progress):
    """The step at work and those behind it, or the last, as many as the terminal has lines; in the end all."""

    def get_renderables(self) -> Iterable[Table]:
        steps = self.tasks
        # Rich asks for the first time before there is a display, or a step.
        if steps and self.live.is_started and len(steps) > (height := self.console.height):
            at_work = next((place for place, step in enumerate(steps) if step.stop_time is None), len(steps))
            first = min(at_work, len(steps) - height)
            steps = steps[first : first + height]
        yield self.make_tasks_table(steps)


class RunView(logging.Handler):
    """Follows a run of the components `names` by its log: bars in a terminal, a plain line for each elsewhere."""

    def __init__(self, names: Iterable[str], output: TextIO):
        super().__init__(logging.INFO)
        self._names = list(names)
        self.console = Console(file=output, highlight=False, soft_wrap=not output.isatty(), quiet=is_quiet())
        # In a narrow terminal bars and notes get shorter, so that a step stays a line.
        bar_width = max(_LEAST_BAR, min(_BAR, self.console.width - _BESIDE_BAR))
        note = Column(ratio=1, no_wrap=True, overflow="ellipsis")
        name = Column(min_width=max(map(len, self._names)), no_wrap=True)
        self._progress = _Steps(
            TextColumn("{task.fields[mark]}"), TextColumn("{task.description}", table_column=name), _Bar(bar_width),
            TimeElapsedColumn(table_column=Column(no_wrap=True)), _TimeLeft(table_column=Column(no_wrap=True)),
            TextColumn("[dim]{task.fields[note]}", table_column=note), console=self.console, expand=True,
            disable=is_verbose() or not output.isatty(),
        )  # fmt: skip
        self._tasks: dict[str, TaskID] = {}
        self._started_s: dict[str, float] = {}
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

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind and self._current:
            self.failed = self._current
            self._close(self._current, "[red]✗", "failed")
        self._progress.stop()
        for logger in _LOGGERS:
            logger.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Take one log record; those about anything else are ignored."""
        message = record.getMessage()
        if record.name == PROGRESS_LOGGER:
            done, total, text = (getattr(record, f"progress_{name}") for name in ("done", "total", "text"))
            if self._current:
                self._progress.update(self._tasks[self._current], completed=done, total=total, note=text)
        elif match := _STARTED.fullmatch(message):
            self._current, self._is_cached = match[1], False
            self._started_s[match[1]] = time.monotonic()
            self._progress.start_task(self._tasks[match[1]])
            self._progress.update(self._tasks[match[1]], mark="[cyan]▸")
        elif match := FINISHED.fullmatch(message):
            self._close(match[1], "[green]✓", "unchanged" if self._is_cached else "")
        elif _CACHED.fullmatch(message):
            self._is_cached = True

    def _close(self, name: str, mark: str, note: str) -> None:
        self._current = ""
        seconds = time.monotonic() - self._started_s[name]
        self._progress.update(self._tasks[name], total=1, completed=1, mark=mark, note=note)
        self._progress.stop_task(self._tasks[name])
        if self._progress.disable:
            self.console.print(f"{name:24} {seconds:7.1f} s  {note}".rstrip(), markup=False)
