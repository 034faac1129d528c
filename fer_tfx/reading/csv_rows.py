"""A CSV stream -> its rows, parsed or rejected, so that every line is accounted for."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from fer_tfx.errors import DataError
from fer_tfx.reading.row import LINE_TOO_LONG, FaceRow, RowError, RowLayout, parse_header, parse_row, shown

_MAX_TEXT_CHARS = 120
_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True)
class ParsedRow:
    """A usable row and where it stood."""

    source: str
    row: int
    """Position among the rows of the file, from 0; blank lines and the header are not counted, rejected rows are."""
    line: int
    """Line number in the file, from 1: what an editor shows."""
    face: FaceRow


@dataclass(frozen=True)
class RejectedRow:
    """A row that can't be used, where it stood and why."""

    source: str
    row: int
    line: int
    reason: str
    """One of the reasons in `fer_tfx.reading.row`, to be counted."""
    detail: str
    text: str
    """The start of the line, at most 120 characters, what is not printable escaped."""


class Place(NamedTuple):
    """Where lines stand."""

    name: str
    """Of the file."""
    line: int
    """Number of the first of them in the file, from 1."""
    row: int
    """Its position among the rows of the file, from 0."""


def iter_rows(stream: BinaryIO, name: str, max_line_bytes: int) -> Iterator[ParsedRow | RejectedRow]:
    """Yield one item for each line that is not blank, the header aside, in bounded memory.

    Raises:
        DataError: the file is empty, its header can't be used, or the stream can't be read.
    """
    layout = read_header(stream, name, max_line_bytes)
    lines = iter_lines(stream, max_line_bytes)
    return parse_lines(lines, layout, Place(name, line=2, row=0), max_line_bytes)


def parse_lines(
    lines: Iterable[bytes], layout: RowLayout, first: Place, limit: int
) -> Iterator[ParsedRow | RejectedRow]:
    """Yield one item for each line that is not blank. `lines` are those of `iter_lines` with the same `limit`."""
    row = first.row
    for line_number, line in enumerate(lines, start=first.line):
        if is_blank(line, limit):
            continue
        try:
            face = _parse_bounded(line, layout, limit)
        except RowError as error:
            text = shown(line.rstrip(b"\r\n"), _MAX_TEXT_CHARS)
            yield RejectedRow(first.name, row, line_number, error.reason, error.detail, text)
        else:
            yield ParsedRow(first.name, row, line_number, face)
        row += 1


def is_blank(line: bytes, limit: int) -> bool:
    """Whether a line is no row; one cut short by `limit` is, whatever it begins with."""
    return line.isspace() and len(line) <= limit


def read_header(stream: BinaryIO, name: str, limit: int) -> RowLayout:
    """Read line 1. Raises DataError: there is none, or it is no header."""
    line = stream.readline(limit + 1)
    if not line:
        raise DataError(f"{name}: the file is empty: give a CSV with the columns `emotion,pixels`")
    if len(line) > limit:
        raise DataError(f"{name}, line 1: longer than {limit:,} bytes: give a CSV with a header and line ends")
    return parse_header(line, name)


def iter_lines(stream: BinaryIO, limit: int, size: float = math.inf) -> Iterator[bytes]:
    """Yield each line that begins in the next `size` bytes.

    Of a line longer than `limit` the first `limit + 1` bytes are given, and the rest is passed over.
    """
    position = 0
    while position < size and (line := stream.readline(limit + 1)):
        position += len(line)
        end = line
        while len(line) > limit and end and not end.endswith(b"\n"):
            end = stream.readline(_CHUNK_BYTES)
            position += len(end)
        yield line


def _parse_bounded(line: bytes, layout: RowLayout, limit: int) -> FaceRow:
    if len(line) > limit:
        raise RowError(LINE_TOO_LONG, f"found more than {limit} bytes, expected at most that (data.max_line_bytes)")
    return parse_row(line, layout)
