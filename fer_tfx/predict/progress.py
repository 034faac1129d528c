"""A bar on standard error while answers are awaited."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TextIO, TypeVar

from fer_tfx.predict.subjects import BATCH_SIZE

T = TypeVar("T")


@contextmanager
def keep_terminal() -> Iterator[TextIO | None]:
    """Yield a stream of its own to the terminal behind standard error, or None if there is none."""
    if not sys.stderr.isatty():
        yield None
        return
    with os.fdopen(os.dup(2), "w", encoding="utf-8") as terminal:
        yield terminal


def show_progress(answers: Iterable[T], total: int | None, terminal: TextIO | None) -> Iterator[T]:
    """Yield `answers` as they come, and draw how many there are from the second batch on.

    Args:
        answers: of any kind.
        total: how many there will be; None: nobody knows.
        terminal: None: nothing is drawn.
    """
    remaining = iter(answers)
    for _, answer in zip(range(BATCH_SIZE), remaining, strict=False):
        yield answer
    if terminal is None or (total is not None and total <= BATCH_SIZE):
        yield from remaining
        return
    yield from _draw(remaining, total, terminal)


def _draw(remaining: Iterator[T], total: int | None, terminal: TextIO) -> Iterator[T]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=terminal, force_terminal=True), transient=True) as progress:
        task = progress.add_task("", total=total, completed=BATCH_SIZE)
        for answer in remaining:
            progress.advance(task)
            yield answer
