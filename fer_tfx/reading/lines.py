"""Forms in which a physical line is a row: read as a whole, or in parts that can be read side by side.

A part may begin anywhere: it holds the lines that begin in its range of bytes. Lines are counted first, as their
numbers depend on the parts before.
"""

import io
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import BinaryIO, TypeAlias

from fer_tfx.counted import counted
from fer_tfx.errors import DataError
from fer_tfx.reading.columns import RowError
from fer_tfx.reading.form import (
    Bounds,
    Counts,
    FaceRow,
    Item,
    LeftOutRow,
    ParsedRow,
    Part,
    ReadingLimits,
    RejectedRow,
    Remark,
    shown,
)
from fer_tfx.reading.words import ClassTable, LeftOut

LINE_TOO_LONG = "line too long"

_MAX_TEXT_CHARS = 120
_CHUNK_BYTES = 1 << 16
_PATHS_PER_PIXELS = 100  # so much shorter is a line that names a picture, which takes as long to read
ParseLine: TypeAlias = Callable[[bytes], FaceRow | LeftOut]
"""Parses one line, with or without its line end. Raises RowError and nothing else."""


class LineForm(ABC):
    """What CSV and lines of JSON have in common."""

    suffixes: tuple[str, ...]
    header_lines: int

    @abstractmethod
    def open(
        self, stream: BinaryIO, name: str, limits: ReadingLimits, classes: ClassTable | None
    ) -> tuple[ParseLine, str]:
        """Read the header, if there is one; -> the parser of the lines behind it, and how it reads them, if unusual."""

    @abstractmethod
    def lists_pictures(self, head: bytes, classes: ClassTable | None) -> bool:
        """Whether a file that begins with `head` names pictures by their paths, and their classes if it has to."""

    def read(self, stream: BinaryIO, name: str, limits: ReadingLimits, classes: ClassTable | None) -> Iterator[Item]:
        parse, remark = self.open(stream, name, limits, classes)
        if remark:
            yield Remark(name, remark)
        lines = iter_lines(stream, limits.max_line_bytes)
        yield from parse_lines(lines, parse, name, limits.max_line_bytes, self.header_lines + 1)

    def cut(self, stream: BinaryIO, head: bytes, limits: ReadingLimits) -> list[Bounds]:
        file_bytes = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        header = b"".join(islice(iter_lines(stream, limits.max_line_bytes), self.header_lines))
        part_bytes = limits.part_bytes
        if self.lists_pictures(head, None):
            part_bytes = max(part_bytes // _PATHS_PER_PIXELS, 1)
        starts = range(len(header), file_bytes, part_bytes)
        if len(header) > limits.max_line_bytes or len(starts) < 2:
            return []
        return [(start, min(start + part_bytes, file_bytes)) for start in starts]

    def count(self, stream: BinaryIO, bounds: Bounds, limits: ReadingLimits) -> Counts:
        lines = rows = 0
        for line in iter_range(stream, bounds, limits.max_line_bytes):
            lines += 1
            rows += not is_blank(line, limits.max_line_bytes)
        return lines, rows

    def read_part(
        self, stream: BinaryIO, name: str, part: Part, limits: ReadingLimits, classes: ClassTable | None
    ) -> Iterator[Item]:
        parse, remark = self.open(stream, name, limits, classes)
        if remark:
            yield Remark(name, remark)
        lines = iter_range(stream, part.bounds, limits.max_line_bytes)
        first_line = self.header_lines + part.first_line
        count = 0
        for item in parse_lines(lines, parse, name, limits.max_line_bytes, first_line, part.first_row):
            yield item
            count += 1
        if count != part.row_count:
            raise DataError(
                f"{name}: was changed while it was read ({counted(part.row_count, 'row')} behind byte {part.bounds[0]},"
                f" now {count}): run again when it is complete"
            )


def parse_lines(
    lines: Iterable[bytes], parse: ParseLine, name: str, limit: int, first_line: int, row: int = 0
) -> Iterator[Item]:
    """Yield one item for each line of `iter_lines` that is not blank, numbered from `first_line` and `row`."""
    for line_number, line in enumerate(lines, start=first_line):
        if is_blank(line, limit):
            continue
        try:
            if len(line) > limit:
                found = f"found more than {limit} bytes, expected at most that (data.max_line_bytes)"
                raise RowError(LINE_TOO_LONG, found)
            face = parse(line)
        except RowError as error:
            text = shown(line.rstrip(b"\r\n"), _MAX_TEXT_CHARS)
            yield RejectedRow(name, row, line_number, error.reason, error.detail, text, error.pixels)
        else:
            if isinstance(face, LeftOut):
                yield LeftOutRow(name, row, line_number, face.word)
            else:
                yield ParsedRow(name, row, line_number, face)
        row += 1


def is_blank(line: bytes, limit: int) -> bool:
    """Whether a line is no row; one cut short by `limit` is, whatever it begins with."""
    return line.isspace() and len(line) <= limit


def iter_lines(stream: BinaryIO, limit: int, size: float = math.inf) -> Iterator[bytes]:
    """Yield each line that begins in the next `size` bytes, cut to `limit + 1` bytes if it is longer than `limit`."""
    position = 0
    while position < size and (line := stream.readline(limit + 1)):
        position += len(line)
        end = line
        while len(line) > limit and end and not end.endswith(b"\n"):
            end = stream.readline(_CHUNK_BYTES)
            position += len(end)
        yield line


def iter_range(stream: BinaryIO, bounds: Bounds, max_line_bytes: int) -> Iterator[bytes]:
    """Yield the lines that begin in a range of bytes; a long one is cut short."""
    start = stream.seek(max(bounds[0] - 1, 0))
    while bounds[0] and (chunk := stream.readline(_CHUNK_BYTES)):  # to the first line that begins in the range
        start += len(chunk)
        if chunk.endswith(b"\n"):
            break
    return iter_lines(stream, max_line_bytes, bounds[1] - start)
