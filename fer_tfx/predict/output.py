"""All of a text or none of it: a file is renamed into place, standard output gets a text that is complete."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO, cast

from fer_tfx.errors import ConfigError, DataError

_MEMORY_BYTES = 8_000_000


def check_output(out: Path, sources: Iterable[str]) -> None:
    """Refuse, before any work, a place that can't be written to or that holds what is read.

    Raises:
        ConfigError, DataError: as above.
    """
    if not out.absolute().parent.is_dir():
        raise DataError(f"{out}: its folder does not exist; make it first")
    if out.exists() and not out.is_file():
        raise ConfigError(f"{out}: is no regular file; leave --out away to write to the terminal")
    if out.exists() and any(_is_same_file(out, source) for source in sources):
        raise ConfigError(f"{out}: --out is a file to read; give another one")


def _is_same_file(out: Path, source: str) -> bool:
    try:
        return out.samefile(source)
    except (OSError, ValueError):
        return False  # whoever reads it will say so


@contextmanager
def open_output(out: Path | None) -> Iterator[TextIO]:
    """Yield a text stream whose content arrives only if the block ends well. Bytes of file names stay as they are.

    Args:
        out: a file, replaced at the end; None: standard output, its text kept in a temporary file beyond 8 MB.

    Raises:
        DataError: the file can't be written.
    """
    if out is None:
        with tempfile.SpooledTemporaryFile(
            _MEMORY_BYTES, "w+", encoding="utf-8", errors="surrogateescape", newline=""
        ) as spool:
            yield cast(TextIO, spool)
            _print(cast(TextIO, spool))
        return
    target = out.resolve()
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            yield file
        partial.replace(target)
    except OSError as error:
        raise DataError(f"{out}: can't be written: {error.strerror}; make room, or give another --out") from None
    finally:
        partial.unlink(missing_ok=True)


def _print(spool: TextIO) -> None:
    spool.flush()
    spool.seek(0)
    sys.stdout.flush()
    raw = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="surrogateescape", newline="")
    try:
        with raw:
            shutil.copyfileobj(spool, raw)
    except BrokenPipeError:
        return  # whoever reads, such as `head`, has had enough
