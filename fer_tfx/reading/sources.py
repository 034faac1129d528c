"""Which files a run reads, and the rows in one of them, as a whole or in parts that can be read side by side.

Only a large plain CSV is cut. A physical line is a row there, so a part may begin anywhere: it holds the lines that
begin in its range of bytes. Lines are counted first, as their numbers depend on the parts before.
"""

import io
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from posixpath import dirname
from typing import BinaryIO, NamedTuple

from fer_tfx.errors import DataError
from fer_tfx.reading.archives import is_packed, iter_members
from fer_tfx.reading.choice import reasons_against
from fer_tfx.reading.csv_form import CSV, is_blank, iter_lines, parse_lines, read_header
from fer_tfx.reading.form import Item, ReadingLimits, Remark, SkippedMember, shown
from fer_tfx.reading.forms import HEAD_BYTES, find_form
from fer_tfx.reading.picture_form import PICTURES, find_place
from fer_tfx.reading.words import ClassTable

_CHUNK_BYTES = 1 << 16
_MAX_PATH_CHARS = 4096  # Linux' own bound


class Source(NamedTuple):
    """One file to read."""

    path: str
    name: str  # in messages and examples: the path below the input's base folder; of several, the first
    is_unlabelled: bool  # whether it was given as data to predict; labels in it are then not looked at


ByteRange = tuple[int, int]  # from the first byte up to the second, without it
LineCount = tuple[int, int]  # all lines, and those that are not blank: rows


class Part(NamedTuple):
    """A range of a file, and where the lines that begin in it stand."""

    bounds: ByteRange
    row_count: int
    first_line: int  # from 1, which is the header
    first_row: int  # from 0


def choose_sources(paths: list[str], base: str, classes: ClassTable | None) -> tuple[list[Source], list[SkippedMember]]:
    """Choose among the files of one input; a single file is read whatever its name. See `Form.read` for `classes`.

    Raises DataError: they are pictures to learn from, and no folder is named after a class.
    """
    sources = {path.removeprefix(base).lstrip("/"): path for path in sorted(paths)}
    reasons = reasons_against([*sources], classes) if len(sources) > 1 else {}
    labels = {name: shown(name.encode(), _MAX_PATH_CHARS) for name in sources}
    chosen = [Source(path, labels[name], classes is None) for name, path in sources.items() if not reasons.get(name)]
    if classes and chosen and not any(_may_have_class(each, classes) for each in chosen):
        first = classes.names[0]
        raise DataError(
            f"{base}: {len(chosen):,} pictures, none in a folder named after a class: lay them out as {first}/1.jpg or"
            f" train/{first}/1.jpg ({', '.join(classes.names)}), or give them to --unlabelled to have them predicted"
        )
    return chosen, [SkippedMember(labels[name], reason) for name, reason in reasons.items() if reason]


def is_picture(source: Source) -> bool:
    return PICTURES.recognises(b"", source.name)


def _may_have_class(source: Source, classes: ClassTable) -> bool:
    return not is_picture(source) or find_place(dirname(source.name), classes)[0] is not None


def merge_spellings(sources: Iterable[Source]) -> tuple[list[Source], list[SkippedMember]]:
    """Give a file to which several paths lead one name, and read it only once for each input."""
    names: dict[str, str] = {}
    merged: dict[tuple[str, bool], Source] = {}
    skipped = []
    for source in sources:
        file = os.path.realpath(source.path)  # a remote path has no links that could be known
        name = names.setdefault(file, source.name)
        if (file, source.is_unlabelled) in merged:
            skipped.append(SkippedMember(source.name, f"the same file as {name}"))
        else:
            merged[file, source.is_unlabelled] = source._replace(name=name)
    return list(merged.values()), skipped


def read_source(
    source: Source, stream: BinaryIO, limits: ReadingLimits, classes: ClassTable | None
) -> Iterator[Item | SkippedMember]:
    """Yield every row of an opened file, and the members of an archive that are skipped. Raises DataError.

    `classes` are those of the labelled sources; None: there are none.
    """
    classes = None if source.is_unlabelled else classes
    if is_picture(source):
        yield from PICTURES.read(stream, source.name, limits, classes)
        return
    for member in iter_members(stream, source.name, limits, classes):
        if isinstance(member, SkippedMember):
            yield member
        else:
            form = find_form(member.head, member.name)
            yield from form.read(member.stream, member.name, limits, classes)


def look_into(sources: Iterable[Source], limits: ReadingLimits, classes: ClassTable | None) -> None:
    """Read each local file as far as its first row, so that one that can't be used is refused at once: DataError.

    Of pictures only the first is read: what is wrong with one is said of its row.
    """
    given = list(sources)
    pictures = list(filter(is_picture, given))
    for source in [*pictures[:1], *(each for each in given if not is_picture(each))]:
        try:
            with Path(source.path).open("rb") as stream:
                for item in read_source(source, stream, limits, classes):
                    if not isinstance(item, SkippedMember | Remark):
                        break
        except OSError as error:
            raise DataError(f"{source.path}: can't be read: {error.strerror}; fix its permissions") from None


def cut_source(source: Source, stream: BinaryIO, limits: ReadingLimits) -> list[ByteRange]:
    """The parts to read an opened file in; none if it has to be read as a whole: packed, small or no CSV."""
    if not stream.seekable():
        return []
    head = stream.read(HEAD_BYTES)
    if is_packed(head) or find_form(head, source.name) is not CSV:
        return []
    file_bytes = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    header_bytes = len(stream.readline(limits.max_line_bytes + 1))
    starts = range(header_bytes, file_bytes, limits.part_bytes)
    if header_bytes > limits.max_line_bytes or len(starts) < 2:
        return []
    return [(start, min(start + limits.part_bytes, file_bytes)) for start in starts]


def iter_range(stream: BinaryIO, bounds: ByteRange, max_line_bytes: int) -> Iterator[bytes]:
    """Yield the lines that begin in a range, which must not reach into the header; a long one is cut short."""
    start = stream.seek(bounds[0] - 1)
    while chunk := stream.readline(_CHUNK_BYTES):  # to the first line that begins in the range
        start += len(chunk)
        if chunk.endswith(b"\n"):
            break
    return iter_lines(stream, max_line_bytes, bounds[1] - start)


def count_lines(stream: BinaryIO, bounds: ByteRange, max_line_bytes: int) -> LineCount:
    """Count the lines that begin in a range, in bounded memory."""
    lines = rows = 0
    for line in iter_range(stream, bounds, max_line_bytes):
        lines += 1
        rows += not is_blank(line, max_line_bytes)
    return lines, rows


def place(counted: Iterable[tuple[ByteRange, LineCount]]) -> Iterator[Part]:
    """Sum up the counts of all ranges of one file, in any order."""
    line, row = 2, 0
    for bounds, (line_count, row_count) in sorted(counted):
        yield Part(bounds, row_count, line, row)
        line += line_count
        row += row_count


def read_part(
    source: Source, stream: BinaryIO, part: Part, limits: ReadingLimits, classes: ClassTable | None
) -> Iterator[Item]:
    """Yield one part's rows, numbered as in the whole file. Raises DataError: no header, or another number of rows."""
    classes = None if source.is_unlabelled else classes
    layout = read_header(stream, source.name, limits.max_line_bytes, source.is_unlabelled)
    lines = iter_range(stream, part.bounds, limits.max_line_bytes)
    count = 0
    start = {"first_line": part.first_line, "row": part.first_row}
    for item in parse_lines(lines, layout, source.name, limits.max_line_bytes, classes, **start):
        yield item
        count += not isinstance(item, Remark)
    if count != part.row_count:
        raise DataError(
            f"{source.name}: was changed while it was read ({part.row_count} rows behind byte {part.bounds[0]} have"
            f" become {count}): run again when it is complete"
        )
