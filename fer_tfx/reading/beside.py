"""Rows that name a picture -> the same with its pixels, from the folder of their table."""

import os
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import BinaryIO, TypeAlias

from fer_tfx.reading.columns import RowError
from fer_tfx.reading.form import Item, ParsedRow, RejectedRow, shown
from fer_tfx.reading.picture_form import UNREADABLE, read_pixels

NO_PICTURE = "no picture at its path"
OUTSIDE = "a path that leads out of the table's folder"
_MAX_PATH_CHARS = 120
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
    for item in items:
        yield _read(item, folder, open_file) if isinstance(item, ParsedRow) and item.face.path else item


def _read(row: ParsedRow, folder: str, open_file: Open) -> ParsedRow | RejectedRow:
    path = row.face.path
    try:
        with open_file(_find(path, folder)) as stream:
            return replace(row, face=replace(row.face, pixels=read_pixels(stream), path=""))
    except RowError as error:
        reason, detail = error.reason, error.detail
    except (FileNotFoundError, NotADirectoryError, ValueError):  # the last: a zero byte
        reason, detail = NO_PICTURE, "expected a file there, by a path relative to the table"
    except (IsADirectoryError, PermissionError) as error:
        reason, detail = UNREADABLE, str(error.strerror)
    found = shown(os.fsencode(path), _MAX_PATH_CHARS)
    return RejectedRow(row.source, row.row, row.line, reason, f"{found}: {detail}", found)


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
