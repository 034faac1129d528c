"""A look at metadata.sqlite before a run: TFX tries minutes long what another program holds, ten times a component."""

import sqlite3
from pathlib import Path

from fer_tfx.errors import DataError, FerError
from pipeline.failures import explain_failure
from pipeline.stack import read_release, read_stack

_PATIENCE_S = 5.0
# TFX leaves its release at each artifact.
_RELEASES = "SELECT DISTINCT string_value FROM ArtifactProperty WHERE name = 'tfx_version'"


def require_usable(metadata: Path) -> None:
    """Leave the file as it is; one that is not there yet will be made.

    Raises:
        FerError: another program holds it, it may not be written, or it is no SQLite database.
        DataError: a newer TFX has written in it.
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
    _require_none_newer(metadata, releases - {None})


def _require_none_newer(metadata: Path, releases: set[str]) -> None:
    """TensorFlow reads what older ones wrote, and promises nothing of newer ones: a cached graph may not load."""
    own = read_stack()
    newest = max(releases, key=read_release, default=own)
    if read_release(newest) > read_release(own):
        raise DataError(
            f"{metadata}: TFX {newest} has written in it, and TFX {own}, which runs here, can't be relied on to read"
            " that: run on the newer stack, or set another runtime.root"
        )
