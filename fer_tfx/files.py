"""Files that are replaced in one step."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def replacing(path: Path, mode: int = 0o666) -> Iterator[TextIO]:
    """Yield a new text file that takes the place of `path` if the block ends well: readers never see half of it.

    It has the rights `mode`, less the umask. Bytes of file names that aren't UTF-8 stay as they are. Raises OSError.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.unlink(missing_ok=True)
        with os.fdopen(
            os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode),
            "w", encoding="utf-8", errors="surrogateescape", newline="",
        ) as file:  # fmt: skip
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        if error.filename == str(partial):
            error.filename = str(path)  # which is what a person has named
        raise
    finally:
        partial.unlink(missing_ok=True)
