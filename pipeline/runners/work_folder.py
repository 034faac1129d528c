"""What a command needs before it writes in a work folder: the lock, and metadata that can be used."""

import errno
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from fer_tfx.errors import ConfigError, DataError, FerError
from pipeline.failures import explain_failure
from pipeline.stack import read_release, read_stack

LOCK_FILE = ".lock"
FULL_ERRORS = (errno.ENOSPC, errno.EDQUOT)
_PATIENCE_S = 5.0
# TFX writes its release at each artifact.
_PROPERTIES, _LAST = "ArtifactProperty", "SELECT max(id) FROM Execution"
_RELEASES = "SELECT DISTINCT string_value FROM ArtifactProperty WHERE name = 'tfx_version' AND string_value IS NOT NULL"


@contextmanager
def only_run_in(home: Path) -> Iterator[None]:
    """Lock the work folder: two runs would share metadata, checkpoints and drawn data.

    The kernel releases the lock however the process ends. Raises ConfigError: another run holds it; DataError: the
    folder can't be written to; FerError: its disk is full.
    """
    path = home / LOCK_FILE
    try:
        home.mkdir(parents=True, exist_ok=True)
        # Not truncated on opening: the file says who holds it.
        holder = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+")
    except OSError as error:
        raise explain_unwritable(path, error) from None
    with holder:
        try:
            fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"{home}: another run is using it ({holder.read().strip() or 'no details known'});"
                " wait for its end, or set another runtime.root or name"
            ) from None
        try:
            os.ftruncate(holder.fileno(), 0)
            said = f"process {os.getpid()} since {datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S} UTC\n"
            os.pwrite(holder.fileno(), said.encode(), 0)
        except OSError as error:
            raise explain_unwritable(path, error) from None
        yield


def explain_unwritable(path: Path, error: OSError) -> FerError:
    """One line about a place below runtime.root: a FerError if its disk is full, else a DataError."""
    if error.errno in FULL_ERRORS:
        return FerError(f"{path}: can't be written: {error.strerror}; make room, or set runtime.root")
    return DataError(f"{path}: can't be written: {error.strerror}; fix its permissions or set runtime.root")


def require_usable(metadata: Path) -> None:
    """Check metadata.sqlite, if there is one: if another program holds it, TFX retries for minutes in each component.

    Raises FerError: it can't be read and written; DataError: a newer TFX has written in it.
    """
    if not metadata.exists():
        return
    try:
        with _opened(metadata) as connection:
            connection.execute("BEGIN IMMEDIATE")
            _require_sound(connection)
            releases = {text for (text,) in connection.execute(_RELEASES)} if _has(connection, _PROPERTIES) else set()
            connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise FerError(f"{metadata}: {explain_failure(error, '', '')}") from None
    # TensorFlow promises to read only what older releases wrote.
    own = read_stack()
    newest = max(releases, key=read_release, default=own)
    if read_release(newest) > read_release(own):
        raise DataError(
            f"{metadata}: TFX {newest} has written in it, and TFX {own}, which runs here, may not be able to read"
            " that: run on the newer stack, or set another runtime.root"
        )


def require_readable(metadata: Path) -> None:
    """Raise DataError unless an existing metadata.sqlite can be read: ML Metadata tries for a minute if it is held."""
    try:
        with _opened(metadata) as connection:
            _require_sound(connection)
    except sqlite3.Error as error:
        raise DataError(f"{metadata}: {explain_failure(error, '', '')}") from None


def find_last_execution(metadata: Path) -> int:
    """The id of the latest execution in a metadata.sqlite that can be used; 0: none, or there is no such file."""
    if not metadata.exists():
        return 0
    with _opened(metadata) as connection:
        (last,) = connection.execute(_LAST).fetchone() if _has(connection, "Execution") else (None,)
    return last or 0


@contextmanager
def _opened(metadata: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(metadata, timeout=_PATIENCE_S, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def _require_sound(connection: sqlite3.Connection) -> None:
    """Read the whole file: ML Metadata would run into a damaged page much later."""
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(f"database disk image is malformed: {found}")


def _has(connection: sqlite3.Connection, table: str) -> bool:
    return bool(connection.execute("SELECT name FROM sqlite_master WHERE name = ?", (table,)).fetchone())
