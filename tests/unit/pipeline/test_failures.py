"""Every kind of failure gets one line that names the component, the cause and the remedy."""

import errno
import os

import pytest

from pipeline.failures import explain_failure, last_line, last_words

TOOK = "the disk did not take what was written"
FULL, MENDING, LOCK = "no room is left on the disk", "fix its permissions", "another program holds"
RIGHTS, MEMORY = "may not be read or written", "memory ran out"
KINDS = {
    "disk full": (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), FULL, "make room"),
    "disk full, as SQLite says it while it writes": (RuntimeError("disk I/O error query: COMMIT;"), TOOK, "make room"),
    "quota": (OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)), FULL, "make room"),
    "disk full, as Beam says it": (
        RuntimeError("OSError: [Errno 28] No space left on device [while running 'Write[train]/WriteBundles']"),
        FULL, "make room",
    ),
    "disk full, as SQLite says it": (RuntimeError("Internal error: database or disk is full"), FULL, "make room"),
    "file size limit": (OSError(errno.EFBIG, os.strerror(errno.EFBIG)), "has reached the size limit", "ulimit -f"),
    "no rights": (PermissionError(errno.EACCES, "Permission denied", "/x"), RIGHTS, MENDING),
    "read-only": (OSError(errno.EROFS, os.strerror(errno.EROFS)), RIGHTS, MENDING),
    "read-only metadata": (RuntimeError("attempt to write a readonly database"), RIGHTS, MENDING),
    "too many files": (OSError(errno.EMFILE, os.strerror(errno.EMFILE)), "too many files are open", "ulimit -n"),
    "locked metadata": (RuntimeError("Error when executing query: database is locked"), LOCK, "end it"),
    "locked metadata, as ML Metadata says it": (
        RuntimeError("AbortedError: Concurrent writes aborted after max number of retries."), LOCK, "end it",
    ),
    "metadata without some tables": (
        RuntimeError("There are a subset of tables in MLMD instance. This may be due to concurrent connection"),
        "is damaged", "restore a copy",
    ),
    "damaged metadata": (RuntimeError("file is not a database query: SELECT"), "is damaged", "start from scratch"),
    "memory": (MemoryError(), MEMORY, "trainer.batch_size"),
    "memory, as C++ says it": (RuntimeError("std::bad_alloc"), MEMORY, "trainer.batch_size"),
    "memory, as the loader says it": (ImportError("a.so: failed to map segment"), MEMORY, "larger machine"),
    "worker killed": (RuntimeError("Worker subprocess exited with return code 137"), "a worker", "lower beam"),
    "job service gone": (
        RuntimeError('status = StatusCode.UNAVAILABLE details = "Socket closed"'), "has gone", "beam.endpoint answers",
    ),
    "no thread": (RuntimeError("can't start new thread [while running 'x']"), "no further thread", "ulimit -u"),
    "damaged record": (RuntimeError("DataLossError: corrupted record at 0"), "a stored record", "remove the artifacts"),
}  # fmt: skip


@pytest.mark.parametrize(("error", "cause", "remedy"), KINDS.values(), ids=KINDS.keys())
def test_explain_failure_of_a_known_kind_names_cause_and_remedy(error: Exception, cause: str, remedy: str) -> None:
    said = explain_failure(error, "Transform", "/runs/fer/logs/1.log")
    assert said.startswith("Transform: ")
    assert said.endswith("and run the same command again; details are in /runs/fer/logs/1.log")
    assert cause in said
    assert remedy in said.partition("): ")[2]
    assert "\n" not in said


def test_explain_failure_of_an_unknown_kind_says_what_python_said() -> None:
    assert explain_failure(ValueError("bad\nmore"), "Trainer", "1.log") == (
        "Trainer: ValueError: bad; details are in 1.log"
    )


def test_explain_failure_without_a_component_or_a_message_is_still_one_line() -> None:
    assert explain_failure(KeyError(), "", "1.log") == "KeyError: no message; details are in 1.log"


def test_explain_failure_of_a_traceback_in_words_takes_its_last_line() -> None:
    error = RuntimeError('Traceback (most recent call last):\n  File "x.py", line 1\nOSError: [Errno 28] full\n')
    assert "no room is left on the disk (RuntimeError: OSError: [Errno 28] full): make room" in explain_failure(
        error, "", "l"
    )


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("State: FAILED, Error:\nWorkflow failed. Causes: a.", "FAILED, Error: Workflow failed. Causes: a"),
        ("failed, Error:\nTraceback (most recent call last):\n  ...\nValueError: a", "failed, Error: ValueError: a"),
        ("nothing:", "nothing:"),
    ],
)  # fmt: skip
def test_last_words_of_an_error_whose_first_line_only_leads_to_it(said, words):
    assert last_words(RuntimeError(said)).removeprefix("State: ") == words


def test_explain_failure_of_a_long_message_is_cut() -> None:
    assert len(explain_failure(ValueError("x" * 10_000), "", "1.log")) < 400


def test_explain_failure_without_a_log_names_none() -> None:
    assert explain_failure(ValueError("bad"), "", "") == "ValueError: bad"


def test_explain_failure_of_an_unknown_kind_that_came_of_a_known_one_tells_of_that() -> None:
    try:
        try:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            raise ValueError("could not note the failure")  # noqa: B904 (as libraries do)
    except ValueError as error:
        said = explain_failure(error, "Trainer", "1.log")
    assert said.startswith("Trainer: no room is left on the disk (OSError: [Errno 28] No space left on device): make")


@pytest.mark.parametrize(("text", "expected"), [("a\nb\n\n  \n", "b"), ("", ""), ("one", "one"), ("ä\n\xff", "ÿ")])
def test_last_line_that_says_anything(text, expected):
    assert last_line(text) == expected
