"""Rows that name a picture -> the same with its pixels, from the folder of their table."""

import errno
import os
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cache, partial
from itertools import islice
from typing import BinaryIO, TypeAlias, cast

from fer_tfx.reading.columns import RowError
from fer_tfx.reading.form import Item, ParsedRow, RejectedRow, shown
from fer_tfx.reading.picture_form import UNREADABLE, read_pixels

NO_PICTURE = "no picture at its path"
OUTSIDE = "a path that leads out of the table's folder"
_FAULTS_OF_PATHS = (errno.EISDIR, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP)
_MAX_PATH_CHARS = 120
_MAX_FOLDERS = 1_000
_BUFFER_BYTES = 1 << 18  # the usual 8 kB are less than a line of pixels: that takes 5 us more for each
_ABSOLUTE = re.compile(r"/|[A-Za-z]:|[a-z0-9+.-]+://")
Open: TypeAlias = Callable[[str], AbstractContextManager[BinaryIO]]
"""Opens the file of a path for reading. Raises OSError."""


def open_local(path: str) -> AbstractContextManager[BinaryIO]:
    return open(path, "rb", _BUFFER_BYTES)  # noqa: PTH123 (quicker than by a Path)


def read_named(items: Iterable[Item], folder: str, open_file: Open) -> Iterator[Item]:
    """Yield rows as they come, those that name a picture with its pixels, or rejected.

    A table may name what lies in its own folder or deeper, as an archive may hold what stays below it: by relative
    paths, or by absolute ones that lead there.
    """
    list_names = cache(partial(_list_names, folder))
    for item in items:
        is_named = isinstance(item, ParsedRow) and item.face.path
        yield _read(cast(ParsedRow, item), folder, open_file, list_names) if is_named else item


def _read(
    row: ParsedRow, folder: str, open_file: Open, list_names: Callable[[], dict[str, str]]
) -> ParsedRow | RejectedRow:
    path = row.face.path
    try:
        with open_file(_find(path, folder)) as stream:
            return replace(row, face=replace(row.face, pixels=read_pixels(stream), path=""))
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
    """Where a picture lies. Raises RowError: out of the folder."""
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
    return posixpath.join(folder, relative)
