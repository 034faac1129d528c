"""A look at metadata.sqlite before a run: TFX tries minutes long what another program holds, ten times a component."""

import sqlite3
from pathlib import Path

from pipeline.failures import explain_failure
from schema.errors import FerError

_PATIENCE_S = 5.0


def require_usable(metadata: Path) -> None:
    """Leave the file as it is; one that is not there yet will be made.

    Raises:
        FerError: another program holds it, it may not be written, or it is no SQLite database.
    """
    if not metadata.exists():
        return
    connection = sqlite3.connect(metadata, timeout=_PATIENCE_S, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise FerError(f"{metadata}: {explain_failure(error, '', '')}") from None
    finally:
        connection.close()
