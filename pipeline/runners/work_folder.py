"""What a command needs before it writes in a work folder: the lock, and metadata that can be used."""

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
_PATIENCE_S = 5.0
# TFX writes its release at each artifact.
_RELEASES = "SELECT DISTINCT string_value FROM ArtifactProperty WHERE name = 'tfx_version' AND string_value IS NOT NULL"


@contextmanager
def only_run_in(home: Path) -> Iterator[None]:
    """Lock the work folder: two runs would share metadata, checkpoints and drawn data.

    The kernel releases the lock however the process ends. Raises ConfigError: another run holds it; DataError: the
    folder can't be written to.
    """
    path = home / LOCK_FILE
    try:
        home.mkdir(parents=True, exist_ok=True)
        # Not truncated on opening: the file says who holds it.
        holder = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+")
    except OSError as error:
        raise DataError(
            f"{path}: can't be written: {error.strerror}; fix its permissions or set runtime.root"
        ) from None
    with holder:
        try:
            fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"{home}: another run is using it ({holder.read().strip() or 'no details known'});"
                " wait for its end, or set another runtime.root or name"
            ) from None
        holder.truncate(0)
        holder.write(f"process {os.getpid()} since {datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S} UTC\n")
        holder.flush()
        yield


def require_usable(metadata: Path) -> None:
    """Check metadata.sqlite, if there is one: if another program holds it, TFX retries for minutes in each component.

    Raises FerError: it can't be read and written; DataError: a newer TFX has written in it.
    """
    if not metadata.exists():
        return
    connection = sqlite3.connect(metadata, timeout=_PATIENCE_S, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        releases = {text for (text,) in connection.execute(_RELEASES)} if "ArtifactProperty" in tables else set()
        connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise FerError(f"{metadata}: {explain_failure(error, '', '')}") from None
    finally:
        connection.close()
    # TensorFlow promises to read only what older releases wrote.
    own = read_stack()
    newest = max(releases, key=read_release, default=own)
    if read_release(newest) > read_release(own):
        raise DataError(
            f"{metadata}: TFX {newest} has written in it, and TFX {own}, which runs here, may not be able to read"
            " that: run on the newer stack, or set another runtime.root"
        )
