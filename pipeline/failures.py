"""Unexpected errors, in one line: where it happened, what it was and what to do."""

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from fer_tfx.errors import FerError


class ComponentError(Exception):
    """A component ended with an error that is no `FerError`, which is the cause."""

    def __init__(self, node: str) -> None:
        super().__init__(node)
        self.node = node


# Kinds of failures by their words: cause and remedy. Beam and TensorFlow pass on an error's words, not always its type.
_KINDS = {
    r"\[Errno (28|122)\]|No space left on device|Disk quota exceeded|database or disk is full":
        ("no room is left on the disk", "make room"),
    r"disk I/O error":
        ("the disk did not take what was written, most likely because it is full", "make room"),
    r"\[Errno 27\]|File too large|file size limit":
        ("a file has reached the size limit", "raise the limit (`ulimit -f`) or set another runtime.root"),
    r"\[Errno (13|1|30)\]|Permission denied|Read-only file system|readonly database|PermissionDenied":
        ("a file or folder may not be read or written", "fix its permissions or set another runtime.root"),
    r"\[Errno 24\]|Too many open files":
        ("too many files are open at once", "raise the limit (`ulimit -n`)"),
    r"database is locked|Concurrent writes aborted":
        ("another program holds metadata.sqlite", "end it"),
    r"file is not a database|disk image is malformed|malformed database|file is encrypted|"
    r"subset of tables in MLMD instance":
        ("metadata.sqlite is damaged", "restore a copy of it, or move the work folder away and start from scratch,"),
    r"MemoryError|bad_alloc|ResourceExhausted|\[Errno 12\]|Cannot allocate memory|OOM when|"
    r"failed to (allocate|map segment)":
        ("memory ran out", "close other programs, lower trainer.batch_size, or use a larger machine"),
    r"Worker subprocess exited":
        ("a worker process has ended, most likely because memory ran out",
         "close other programs, lower beam.workers, or use a larger machine"),
    r"StatusCode\.UNAVAILABLE|Socket closed|failed to connect to all addresses":
        ("a service that the run needs has gone, most likely Beam's job service", "check that beam.endpoint answers"),
    r"can't start new thread":
        ("no further thread could be started, for lack of memory or by a limit",
         "close other programs or raise the limit (`ulimit -u`)"),
    r"DataLossError|corrupted record|DATA_LOSS|Truncated (record|file)|not a valid gzip|CRC check failed":
        ("a stored record is damaged", "remove the artifacts that the log names"),
}  # fmt: skip


@contextmanager
def explaining_failures(kind: type[Exception], log: str = "") -> Iterator[None]:
    """Turn errors of `kind` into a FerError with one line; the traceback is printed, which is to say in the log."""
    try:
        yield
    except (FerError, BrokenPipeError):  # the latter: the reader closed the pipe, which is no failure
        raise
    except kind as error:
        with suppress(OSError):
            if log:
                traceback.print_exc()
        node, cause = (error.node, error.__cause__ or error) if isinstance(error, ComponentError) else ("", error)
        raise FerError(explain_failure(cause, node, log)) from error


def explain_failure(error: BaseException, node: str, log: str) -> str:
    """One line for an error that is no `FerError`, with the running component and the log, if there are any."""
    origin, words = _recognise(error)
    where, more = f"{node}: " if node else "", f"; details are in {log}" if log else ""
    found = f"{type(origin).__name__}: {last_words(origin)}"
    if not words:
        return f"{where}{found}{more}"
    cause, remedy = _KINDS[words]
    return f"{where}{cause} ({found}): {remedy} and run the same command again{more}"


def _recognise(error: BaseException) -> tuple[BaseException, str]:
    """The error, or the one in whose handling it arose: on a full disk recording a failure fails as well."""
    earlier = error.__cause__ or error.__context__
    if earlier and (found := _recognise(earlier))[1]:
        return found
    return error, next((words for words in _KINDS if re.search(words, f"{type(error).__name__}: {error}")), "")


def last_words(error: BaseException) -> str:
    """What an error says happened, in one line.

    The first one; of a traceback that was passed on as text the last, which also follows a first that only leads to it.
    """
    first, last = first_line(error), last_line(str(error)).rstrip(".")
    if first.startswith("Traceback"):
        said = last
    else:
        said = f"{first} {last}" if first.endswith(":") and last != first else first
    return said if len(said) <= 300 else f"{said[:297]}..."


def first_line(error: BaseException) -> str:
    """What an error says first, without a full stop, which would end the sentence around it."""
    return next(filter(None, map(str.strip, str(error).splitlines())), "no message").rstrip(".")


def last_line(text: str) -> str:
    """The last line of a log that isn't blank; empty: there is none."""
    return next(filter(None, map(str.strip, reversed(text.splitlines()))), "")
