"""What nobody foresaw, in one line: where it happened, what it was and what to do."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class _Known:
    """A kind of failure. Beam and TensorFlow hand on the words of an error, not always its type."""

    words: str
    cause: str
    remedy: str


_KINDS = (
    _Known(
        r"\[Errno (28|122)\]|No space left on device|Disk quota exceeded|database or disk is full",
        "no room is left on the disk", "make room",
    ),
    _Known(
        r"disk I/O error",
        "the disk did not take what was written, most likely because it is full", "make room",
    ),
    _Known(
        r"\[Errno 27\]|File too large|file size limit",
        "a file may not grow as large as it must", "raise the limit (`ulimit -f`) or set another runtime.root",
    ),
    _Known(
        r"\[Errno (13|1|30)\]|Permission denied|Read-only file system|readonly database|PermissionDenied",
        "a file or folder may not be read or written", "mend its rights or set another runtime.root",
    ),
    _Known(
        r"\[Errno 24\]|Too many open files", "too many files are open at once", "raise the limit (`ulimit -n`)",
    ),
    _Known(
        r"database is locked",
        "another program holds metadata.sqlite", "end it",
    ),
    _Known(
        r"file is not a database|disk image is malformed|file is encrypted",
        "metadata.sqlite is damaged",
        "put a copy of it back, or set the work folder aside to run every component once more,",
    ),
    _Known(
        r"MemoryError|bad_alloc|ResourceExhausted|\[Errno 12\]|Cannot allocate memory|failed to allocate|OOM when",
        "the memory is used up", "close other programs, lower trainer.batch_size, or take a larger machine",
    ),
    _Known(
        r"Worker subprocess exited",
        "a worker process has ended, most likely because the memory was used up",
        "close other programs, lower beam.workers, or take a larger machine",
    ),
    _Known(
        r"StatusCode\.UNAVAILABLE|Socket closed|failed to connect to all addresses",
        "a service that it works with has gone, most likely Beam's job service",
        "look whether beam.endpoint answers",
    ),
    _Known(
        r"can't start new thread",
        "no further thread could be started, for want of memory or by a limit",
        "close other programs or raise the limit (`ulimit -u`)",
    ),
    _Known(
        r"DataLossError|corrupted record|DATA_LOSS|Truncated (record|file)|not a valid gzip|CRC check failed",
        "a stored record is damaged", "remove the artifacts that the log names",
    ),
)  # fmt: skip


def explain_failure(error: BaseException, node: str, log: str) -> str:
    """One line for an error that is no `FerError`.

    Args:
        error: that ended the run.
        node: which component was at work; empty: none.
        log: file that holds the traceback; empty: there is none.
    """
    origin, known = _recognise(error)
    where = f"{node}: " if node else ""
    found = f"{type(origin).__name__}: {_last_words(origin)}"
    more = f"; the whole story is in {log}" if log else ""
    if known is None:
        return f"{where}{found}{more}"
    return f"{where}{known.cause} ({found}): {known.remedy} and give the same command again{more}"


def _recognise(error: BaseException) -> tuple[BaseException, _Known | None]:
    """The error, or that in whose handling it arose: on a full disk the note of a failure fails as well."""
    chain: list[BaseException] = []
    each: BaseException | None = error
    while each is not None:
        chain.append(each)
        each = each.__cause__ or each.__context__
    for origin in reversed(chain):
        story = f"{type(origin).__name__}: {origin}"
        for known in _KINDS:
            if re.search(known.words, story):
                return origin, known
    return error, None


def _last_words(error: BaseException) -> str:
    """The line that says what happened: the last one of a traceback that was handed on as text, else the first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return "no message"
    said = lines[-1] if lines[0].startswith("Traceback") else lines[0]
    return said if len(said) <= 300 else f"{said[:297]}..."
