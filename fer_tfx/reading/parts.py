"""A large plain CSV, cut into parts that can be read side by side.

A physical line is a row, see `row.py`: a line end never stands in a field, quoted or not. So a part may begin anywhere:
 it holds the lines that begin in its range of bytes, and every line begins in just one. Its lines are
counted before they are read, as their numbers in the file depend on the parts before it.
"""

from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

from fer_tfx.reading.csv_rows import is_blank, iter_lines

_CHUNK_BYTES = 1 << 16


class ByteRange(NamedTuple):
    """A range of a file, from `start` up to `end`, without it."""

    start: int
    end: int


class LineCount(NamedTuple):
    """What a range holds."""

    lines: int
    rows: int
    """Lines that are not blank."""


class Part(NamedTuple):
    """A range with the place of its first line in the file."""

    bounds: ByteRange
    holds: LineCount
    first_line: int
    """As an editor shows it: the header is line 1."""
    first_row: int
    """Position among the rows of the file, from 0."""


def cut(header_bytes: int, file_bytes: int, part_bytes: int) -> list[ByteRange]:
    """Ranges of `part_bytes`, the last one shorter, that hold all of a file behind its header."""
    starts = range(header_bytes, file_bytes, part_bytes)
    return [ByteRange(start, min(start + part_bytes, file_bytes)) for start in starts]


def iter_range(stream: BinaryIO, bounds: ByteRange, max_line_bytes: int) -> Iterator[bytes]:
    """Yield the lines that begin in a range, which does not reach into the header; a long one is cut short."""
    start = _seek_line(stream, bounds.start)
    return iter_lines(stream, max_line_bytes, bounds.end - start)


def _seek_line(stream: BinaryIO, offset: int) -> int:
    """Go to the first line that begins at or behind `offset`, which is not 0, and return where that is."""
    position = stream.seek(offset - 1)
    while chunk := stream.readline(_CHUNK_BYTES):
        position += len(chunk)
        if chunk.endswith(b"\n"):
            break
    return position


def count_lines(stream: BinaryIO, bounds: ByteRange, max_line_bytes: int) -> LineCount:
    """Count the lines that begin in a range, in bounded memory."""
    lines = rows = 0
    for line in iter_range(stream, bounds, max_line_bytes):
        lines += 1
        rows += not is_blank(line, max_line_bytes)
    return LineCount(lines, rows)


def place(counted: Iterable[tuple[ByteRange, LineCount]]) -> Iterator[Part]:
    """Sum up the counts of all ranges of one file, given in any order."""
    line, row = 2, 0
    for bounds, count in sorted(counted):
        yield Part(bounds, count, line, row)
        line += count.lines
        row += count.rows
