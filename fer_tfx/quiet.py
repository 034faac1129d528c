"""Keeps what libraries print out of sight and in a log file, and knows how much a person wants to see."""

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

_LOG = logging.getLogger("fer_tfx")


def set_loudness(level: int) -> None:
    """Say how much is printed: a level of `logging`; below WARNING, which is usual, also what is logged."""
    _LOG.setLevel(level)
    if level < logging.WARNING:
        # Of its own, as standard error may be kept in a log while libraries work.
        stream = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="backslashreplace")
        logging.getLogger().addHandler(logging.StreamHandler(stream))


def is_quiet() -> bool:
    return not _LOG.isEnabledFor(logging.WARNING)


def is_verbose() -> bool:
    return _LOG.isEnabledFor(logging.INFO)


def is_debugging() -> bool:
    return _LOG.isEnabledFor(logging.DEBUG)


def print_note(text: str) -> None:
    """Print what is no answer, unless a person wants to see answers only."""
    if not is_quiet():
        print(text)


@contextmanager
def output_in_log(path: Path) -> Iterator[TextIO]:
    """Send standard output and error, of Python and of native code, to the file; yield the real output.

    File descriptors are swapped because TensorFlow's C++ side and child processes write to them directly.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    saved_out, saved_err = os.dup(1), os.dup(2)
    with path.open("a", encoding="utf-8") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    try:
        with os.fdopen(os.dup(saved_out), "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors) as real_output:
            yield real_output
    finally:
        _flush_or_drop()
        os.dup2(saved_out, 1)
        os.dup2(saved_err, 2)
        os.close(saved_out)
        os.close(saved_err)


def _flush_or_drop() -> None:
    """On a full disk the log takes no more; what is left must not come out on the terminal instead."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
            stream.flush()


def hush_libraries() -> None:
    """Set what must be set before TensorFlow is imported. Python's warnings go to the log as well."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.simplefilter("ignore", FutureWarning)
    logging.captureWarnings(capture=True)
