"""Which files a run reads, and the rows in one of them."""

import io
import os
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

from fer_tfx.errors import DataError
from fer_tfx.reading.archives import is_packed, iter_members
from fer_tfx.reading.choice import (
    LABELLED_FIRST,
    UNLABELLED_FIRST,
    Choice,
    SkippedMember,
    choose_members,
)
from fer_tfx.reading.csv_rows import ParsedRow, Place, RejectedRow, iter_rows, parse_lines, read_header
from fer_tfx.reading.limits import ReadingLimits
from fer_tfx.reading.parts import ByteRange, Part, cut, iter_range
from fer_tfx.reading.row import shown
from fer_tfx.reading.tars import TAR_BLOCK_BYTES

_MAX_PATH_CHARS = 4096  # Linux' own bound


class Source(NamedTuple):
    """One file to read."""

    path: str
    name: str
    """What it is called in messages and examples: the path below the input's base folder; of several, the first."""
    is_unlabelled: bool
    """Whether it was given as data to predict; a label in it is then passed over, never trained on."""


def choose_sources(paths: list[str], base: str, is_unlabelled: bool) -> tuple[list[Source], list[SkippedMember]]:
    """Choose among the files of one input: one that stands alone is read whatever its name."""
    sources = {path.removeprefix(base).lstrip("/"): path for path in sorted(paths)}
    choice = choose_members(list(sources), _preference(is_unlabelled))
    if len(sources) == 1:
        choice = Choice(chosen=tuple(sources), skipped=())
    chosen = [Source(sources[name], _printable(name), is_unlabelled) for name in choice.chosen]
    return chosen, [SkippedMember(_printable(each.name), each.reason) for each in choice.skipped]


def _printable(name: str) -> str:
    return shown(name.encode(), _MAX_PATH_CHARS)


def merge_spellings(sources: Iterable[Source]) -> tuple[list[Source], list[SkippedMember]]:
    """Give a file to which several paths lead one name, and read it no more than once for each input."""
    names: dict[str, str] = {}
    merged: dict[tuple[str, bool], Source] = {}
    skipped = []
    for source in sources:
        file = os.path.realpath(source.path)  # of a remote path no link is known, and it stays what it is
        name = names.setdefault(file, source.name)
        if (file, source.is_unlabelled) in merged:
            skipped.append(SkippedMember(source.name, f"the same file as {name}"))
        else:
            merged[file, source.is_unlabelled] = source._replace(name=name)
    return list(merged.values()), skipped


def read_source(
    source: Source, stream: BinaryIO, limits: ReadingLimits
) -> Iterator[ParsedRow | RejectedRow | SkippedMember]:
    """Yield every row of an opened file, and the members of an archive that are passed over.

    Raises:
        DataError: the file, or its header, can't be read.
    """
    for member in iter_members(stream, source.name, limits, _preference(source.is_unlabelled)):
        if isinstance(member, SkippedMember):
            yield member
        else:
            yield from iter_rows(member.stream, member.name, limits.max_line_bytes)


def cut_source(stream: BinaryIO, limits: ReadingLimits) -> list[ByteRange]:
    """The parts to read an opened file in: none if it is packed, small or no CSV, and has to be read as a whole."""
    if not stream.seekable() or is_packed(stream.read(TAR_BLOCK_BYTES)):
        return []
    file_bytes = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    header_bytes = len(stream.readline(limits.max_line_bytes + 1))
    ranges = cut(header_bytes, file_bytes, limits.part_bytes) if header_bytes <= limits.max_line_bytes else []
    return ranges if len(ranges) > 1 else []


def read_part(source: Source, stream: BinaryIO, part: Part, limits: ReadingLimits) -> Iterator[ParsedRow | RejectedRow]:
    """Yield the rows in one part of an opened CSV, numbered as in the whole file.

    Raises:
        DataError: the header can't be read, or the part holds other lines than when it was counted.
    """
    layout = read_header(stream, source.name, limits.max_line_bytes)
    lines = iter_range(stream, part.bounds, limits.max_line_bytes)
    place = Place(source.name, part.first_line, part.first_row)
    row_count = 0
    for item in parse_lines(lines, layout, place, limits.max_line_bytes):
        yield item
        row_count += 1
    if row_count != part.holds.rows:
        raise DataError(
            f"{source.name}: was changed while it was read ({part.holds.rows} rows behind byte {part.bounds.start} have"
            f" become {row_count}): run again when it is complete"
        )


def _preference(is_unlabelled: bool) -> tuple[str, ...]:
    return UNLABELLED_FIRST if is_unlabelled else LABELLED_FIRST
