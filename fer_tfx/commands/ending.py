"""How a command ends: with its exit code, and with one line for any error that a person can do something about."""

import errno
import logging
import os
import re
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import entry_points
from typing import Any

import typer

from fer_tfx.errors import INSTALL_ALL, ConfigError, FerError, in_one_line
from fer_tfx.quiet import is_debugging, set_loudness

_PLACE = "fix its permissions, or name another place"
_REMEDIES = {
    errno.EACCES: _PLACE,
    errno.EPERM: _PLACE,
    errno.EROFS: "name a place on another disk, as this one is mounted read-only",
    errno.ENOSPC: "make room, or name a place on another disk",
    errno.EDQUOT: "make room, or name a place on another disk",
    errno.EFBIG: "raise the limit (`ulimit -f`), or name another place",
    errno.EMFILE: "raise the limit (`ulimit -n`)",
    errno.ENOMEM: "close other programs, or use a larger machine",
    errno.EIO: "the disk is failing, or was taken away: name another place",
    errno.EISDIR: "name a file",
    errno.ENOTDIR: "name a folder, or a file below one",
    errno.EEXIST: "remove it, or name another place",
    errno.EBADF: "it is closed: send it to a file, or to /dev/null",
}  # fmt: skip
_OUTPUT = "standard output"
_MAX_CHARS, _FIRST_CHARS = 500, 280
PLUGINS = "fer_tfx.commands"
"""The entry point group by which the pipeline adds its commands."""

REQUESTS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""Signals that ask for an end; Windows has no hang-up."""
_ONE_REQUEST_S = 1.0


def take_signals() -> None:
    """End in order on each of the `REQUESTS`: a KeyboardInterrupt, as Ctrl-C has it. What is ignored stays so.

    A request may come twice at once, as some send it to a process and to its group.
    """
    last_s = -_ONE_REQUEST_S

    def interrupt(*_: object) -> None:
        nonlocal last_s
        last_s, before_s = time.monotonic(), last_s
        if last_s - before_s >= _ONE_REQUEST_S:
            raise KeyboardInterrupt

    for number in REQUESTS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, interrupt)


def run(command: Any, words: Sequence[str]) -> int:
    """Run one of Typer's commands; the exit code is 0, or that of the error: 2 bad input, 3 a gate's, 1 any other."""
    code = FerError.exit_code
    set_loudness(logging.WARNING)
    try:
        with command.make_context("fer-tfx", [*words]) as context:
            code = context.command.invoke(context) or 0
        sys.stdout.flush()
        return code
    except typer.Exit as end:  # such as --help
        return end.exit_code
    except (
        BrokenPipeError
    ):  # the reader, such as `head`, has enough; no pipe hides the refusal of a command that is done
        _drop_output()
        return code
    except (typer.TyperException, FerError, OSError, KeyboardInterrupt) as error:
        if is_debugging():
            traceback.print_exc()
        line, code = _explain(error)
        print_error(line)
        return code


def print_error(line: str) -> None:
    """Print why a command fails, abridged."""
    print(abridge(in_one_line(f"fer-tfx: {line}")), file=sys.stderr)


def abridge(line: str) -> str:
    """At most _MAX_CHARS: of a longer line its two ends, place and remedy, cut between words that are short."""
    if len(line) <= _MAX_CHARS:
        return line
    first, last = line[:_FIRST_CHARS], line[_FIRST_CHARS + 5 - _MAX_CHARS :]
    first, last = re.sub(r" \S{0,40}$", "", first), re.sub(r"^\S{0,40} ", "", last)
    return f"{first} ... {last}"


def _explain(error: BaseException) -> tuple[str, int]:
    """One line, and the exit code."""
    if isinstance(error, FerError):
        return str(error), error.exit_code
    if isinstance(error, OSError):
        return explain_os_error(error), FerError.exit_code
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", FerError.exit_code
    return explain_usage(error), ConfigError.exit_code


def _drop_output() -> None:
    """What is still to be flushed, by Python as it leaves, goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def explain_usage(error: Any) -> str:
    """What is wrong with the words of a command, what was meant, and how that command is used."""
    line = " ".join(getattr(error, "format_message", error.__str__)().split()).rstrip(".")
    if near := getattr(error, "possibilities", None):
        line = f"{error.message}. Did you mean {near[0]!r}?"
    line, found, meant = line.partition(". Did you mean ")
    if line.startswith("No such command") and not entry_points(group=PLUGINS):
        line += f"; it may be one of the pipeline's, which need more: {INSTALL_ALL}"
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "fer-tfx"
    usage = " ".join(context.get_usage().split()).replace("Usage: ", "; usage: ") if context else ""
    return f"{line}{f' (did you mean {meant})' if found else ''}{usage}; see `{path} --help`"


def explain_os_error(error: OSError) -> str:
    """One line: the place, what the system says, and a remedy."""
    if isinstance(error, FileNotFoundError) and _is_folder_gone():
        return "the current folder is gone; change to another one (`cd`)"
    place = error.filename
    try:
        sys.stdout.flush()
    except OSError:
        place = place or _OUTPUT
        _drop_output()
    said, remedy = error.strerror or str(error) or type(error).__name__, _REMEDIES.get(error.errno or 0, "")
    if "temporary directory" in said:
        remedy = "make room in one of them, or name another one by TMPDIR"
    if place is None and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        remedy += " (TMPDIR names that of temporary files)"
    named = f"{os.fsdecode(place)}: " if isinstance(place, (str, bytes, os.PathLike)) else ""
    return f"{named}{said}{'; ' if remedy else ''}{remedy}"


def _is_folder_gone() -> bool:
    with suppress(FileNotFoundError):
        os.getcwd()  # noqa: PTH109
        return False
    return True
