"""Files that can't be read, in words, and files that are replaced in one step."""

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TextIO
from zlib import crc32

from fer_tfx.errors import DataError, in_one_line

_LONG_NAME_BYTES = 200  # of the 255 that a name may have, which the name of an unfinished file needs too


def unreadable(name: str, error: OSError | ValueError) -> DataError:
    """What is wrong with the file of this name, which couldn't be opened or read, and what to do."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        found = f"no such file; {'download it first' if '://' in name else 'check the path'}"
    elif isinstance(error, IsADirectoryError):
        found = "is a folder; name the files in it"
    elif isinstance(error, PermissionError):
        found = "can't be read: Permission denied; fix its permissions"
    else:
        found = f"can't be read: {getattr(error, 'strerror', None) or error}; check the path and the disk"
    return DataError(f"{in_one_line(name)}: {found}")


@contextmanager
def replacing_bytes(path: Path, mode: int | None = None) -> Iterator[BinaryIO]:
    """Yield a new file that takes the place of `path` if the block ends well: readers never see half of it.

    It has the rights `mode`, less the umask; None: those of the file that it replaces, or of any new file. Raises
    OSError, with the name of `path` if the system says it.
    """
    name = path.name if len(os.fsencode(path.name)) <= _LONG_NAME_BYTES else f"{crc32(os.fsencode(path.name)):08x}"
    partial = path.with_name(f".{name}.{os.getpid()}.partial")
    try:
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode or 0o666), "wb") as file:
            if mode is None:
                with suppress(FileNotFoundError):
                    partial.chmod(stat.S_IMODE(path.stat().st_mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        # None: as it was written, not opened. An error without a number has words alone, which a name would replace.
        if error.errno is not None and error.filename in (None, str(partial)):
            error.filename = str(path)
        raise
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def replacing(path: Path, mode: int | None = None) -> Iterator[TextIO]:
    """The same for text, in UTF-8. Bytes of file names that are something else stay as they are."""
    with replacing_bytes(path, mode) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
        yield text
        text.detach()  # which writes what it holds
