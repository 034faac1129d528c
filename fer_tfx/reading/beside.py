"""Rows that name a picture -> the same with its pixels, from the folder of their table."""

import errno
import os
import posixpath
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cache, partial
from itertools import islice
from typing import BinaryIO, TypeAlias, cast

from fer_tfx.reading.columns import RowError
from fer_tfx.reading.form import Item, ParsedRow, RejectedRow, shown
from fer_tfx.reading.picture_form import UNREADABLE, find_split_of_folder, read_pixels

NO_PICTURE = "no picture at its path"
OUTSIDE = "a path that leads out of the table's folder"
_FAULTS_OF_PATHS = (errno.EISDIR, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP, errno.ENXIO)
_MAX_PATH_CHARS = 120
_MAX_FOLDERS = 1_000
_BUFFER_BYTES = 1 << 18  # the usual 8 kB are less than a line of pixels: that takes 5 us more for each
_ABSOLUTE = re.compile(r"/|[A-Za-z]:|[a-z0-9+.-]+://")
Open: TypeAlias = Callable[[str], AbstractContextManager[BinaryIO]]
"""Opens the file of a path for reading. Raises OSError."""


def open_local(path: str) -> AbstractContextManager[BinaryIO]:
    """Open a file for reading, without waiting for a writer if it is a pipe. Raises OSError, also for such."""
    return open(path, "rb", _BUFFER_BYTES, opener=_open_regular)


def _open_regular(path: str, flags: int) -> int:
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # which Windows lacks
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # the latter is refused by `open`
        os.close(descriptor)
        raise OSError(errno.ENXIO, "no regular file", path)
    return descriptor


def read_named(items: Iterable[Item], folder: str, open_file: Open, max_side_px: int | None = None) -> Iterator[Item]:
    """Yield rows as they come, those that name a picture with its pixels, or rejected; so are pictures that are larger.

    A table may name what lies in its own folder or deeper, as an archive may hold what stays below it: by relative
    paths, or by absolute ones that lead there.
    """
    list_names = cache(partial(_list_names, folder))
    for item in items:
        is_named = isinstance(item, ParsedRow) and item.face.path
        yield _read(cast(ParsedRow, item), folder, open_file, list_names, max_side_px) if is_named else item


def _read(
    row: ParsedRow, folder: str, open_file: Open, list_names: Callable[[], dict[str, str]], max_side_px: int | None
) -> ParsedRow | RejectedRow:
    path, usage = row.face.path, row.face.usage
    try:
        relative = _find(path, folder)
        if row.face.is_split_by_path:
            usage = find_split_of_folder(posixpath.dirname(relative)) or usage
        with open_file(posixpath.join(folder, relative)) as stream:
            pixels = read_pixels(stream, max_side_px)
        return replace(row, face=replace(row.face, pixels=pixels, usage=usage, path="", is_split_by_path=False))
    except RowError as error:
        reason, detail = error.reason, error.detail
    except (FileNotFoundError, NotADirectoryError, ValueError):  # the last: a zero byte
        same = list_names().get(posixpath.basename(path))
        reason, detail = NO_PICTURE, "expected a file there, by a path relative to the table"
        detail += f" ({same} is called so)" if same else ""
    except OSError as error:
        if error.errno not in _FAULTS_OF_PATHS:
            raise
        reason, detail = UNREADABLE, str(error.strerror)
    found = shown(path.encode("utf-8", "backslashreplace"), _MAX_PATH_CHARS)
    return RejectedRow(row.source, row.row, row.line, reason, f"{found}: {detail}", found)


def _list_names(folder: str) -> dict[str, str]:
    """By the names of files below a local folder, where the first of each name lies: for whoever left folders out."""
    names: dict[str, str] = {}
    if os.path.isabs(folder):  # noqa: PTH117 (not one in an archive)
        for parent, _, files in islice(os.walk(folder), _MAX_FOLDERS):
            for name in files:
                names.setdefault(name, os.path.relpath(os.path.join(parent, name), folder))
    return names


def _find(path: str, folder: str) -> str:
    """Where a picture lies below the folder. Raises RowError: out of it."""
    relative = path.replace("\\", "/") if "\\" in path else path
    if _ABSOLUTE.match(relative):
        start = f"{folder.rstrip('/')}/"
        if not relative.startswith(start):  # perhaps by another way to the same folder
            relative, start = os.path.realpath(relative), f"{os.path.realpath(folder)}/"
        if not relative.startswith(start):
            raise RowError(OUTSIDE, "expected one below it: put the table above its pictures")
        relative = relative[len(start) :]
    relative = posixpath.normpath(relative)
    if relative.startswith(".."):
        raise RowError(OUTSIDE, "expected one below it: put the table above its pictures")
    return relative
