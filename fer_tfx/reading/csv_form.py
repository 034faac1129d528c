"""A FER2013 CSV -> its rows, parsed or rejected, so that every line is accounted for.

A physical line is a row: these files hold no line breaks within a field, so an unbalanced quote spoils its own line and
never swallows the lines after it.
"""

import math
import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

from fer_tfx.contract import CLASS_COUNT, LABEL_KEY, PIXEL_COUNT, PIXELS_KEY, SPLIT_OF_USAGE, USAGE_COLUMN
from fer_tfx.errors import DataError
from fer_tfx.reading.form import FaceRow, ParsedRow, ReadingLimits, RejectedRow, shown

# Reasons to reject a row: short and few, to be counted.
WRONG_COLUMN_COUNT = "wrong number of columns"
WRONG_PIXEL_COUNT = "wrong number of pixels"
EMPTY_PIXELS = "empty pixels"
PIXEL_NOT_INTEGER = "pixel is not an integer"
PIXEL_OUT_OF_RANGE = "pixel out of 0-255"
UNKNOWN_LABEL = "unknown label"
UNKNOWN_USAGE = "unknown usage"
UNBALANCED_QUOTE = "unbalanced quote"
UNDECODABLE_BYTES = "undecodable bytes"
LINE_TOO_LONG = "line too long"

_COLUMNS = (LABEL_KEY, PIXELS_KEY, USAGE_COLUMN)
_CLASS_INDEX_OF_TEXT = {str(index).encode(): index for index in range(CLASS_COUNT)}
_SPLIT_OF_USAGE_TEXT = {usage.encode(): split for usage, split in SPLIT_OF_USAGE.items()}
_SPACE = b" \t"
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_MAX_TEXT_CHARS = 120
_CHUNK_BYTES = 1 << 16


class RowError(Exception):
    """A line is no usable row: `reason` is one of the constants above, `detail` says what was found where."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


class RowLayout(NamedTuple):
    """Which column of a file holds what, counted from 0."""

    pixels: int
    emotion: int | None
    usage: int | None
    column_count: int


def parse_header(line: bytes, file: str, is_unlabelled: bool = False) -> RowLayout:
    """Find the columns: any order, case, spaces and quotes; only that of the pixels if nothing else counts.

    Raises DataError if the file can't be read by them.
    """
    text = line.removeprefix(_UTF8_MARK).rstrip(b"\r\n")
    if line.startswith(_UTF16_MARKS) or b"\0" in line:
        raise _header_error(file, "UTF-16 or binary content", "save the file as CSV in UTF-8")
    if b"\r" in text:
        raise _header_error(file, "line ends of a bare carriage return", "save the file with line ends LF or CRLF")
    try:
        fields = _split_fields(text)
    except RowError as error:
        raise _header_error(file, f"{error} in {shown(text)!r}", "fix the quotes of the header") from error
    names = [field.decode("utf-8", "replace").strip().lower() for field in fields]
    wanted = (PIXELS_KEY,) if is_unlabelled else _COLUMNS
    place_of = {column: names.index(column) for column in wanted if column in names}
    for column in place_of:
        if names.count(column) > 1:
            raise _header_error(file, f"column `{column}` {names.count(column)} times", "keep one of them")
    if PIXELS_KEY not in place_of:
        raise _header_error(file, f"no column `{PIXELS_KEY}` in {shown(text)!r}", _remedy_without_pixels(text))
    return RowLayout(place_of[PIXELS_KEY], place_of.get(LABEL_KEY), place_of.get(USAGE_COLUMN), len(names))


def _remedy_without_pixels(text: bytes) -> str:
    first = text.split(b",")[0].strip(b' \t"')
    if not first or first[:1].isdigit():
        return "put a header such as `emotion,pixels` into line 1"
    if b"pixels" in text.lower():
        return "separate the columns by commas"
    return "give a CSV with the columns `emotion,pixels` and perhaps `Usage`"


def _header_error(file: str, found: str, remedy: str) -> DataError:
    return DataError(f"{file}, line 1: found {found}: {remedy}")


def parse_row(line: bytes, layout: RowLayout) -> FaceRow:
    """Parse one line, with or without its line end. Raises RowError and nothing else."""
    fields = _split_fields(line.rstrip(b"\r\n"))
    if len(fields) != layout.column_count:
        raise RowError(WRONG_COLUMN_COUNT, f"found {len(fields)} columns, expected {layout.column_count}")
    class_index = usage = None
    if layout.emotion is not None:
        label = fields[layout.emotion]
        class_index = _CLASS_INDEX_OF_TEXT.get(label.strip(_SPACE))
        if class_index is None:
            raise _value_error(UNKNOWN_LABEL, LABEL_KEY, label, f"an integer 0-{CLASS_COUNT - 1}")
    pixels = _parse_pixels(fields[layout.pixels])
    if layout.usage is not None:
        text = fields[layout.usage]
        usage = _SPLIT_OF_USAGE_TEXT.get(text.strip(_SPACE).lower())
        if usage is None:
            raise _value_error(UNKNOWN_USAGE, USAGE_COLUMN, text, "Training, PublicTest or PrivateTest")
    return FaceRow(class_index, pixels, usage)


def _split_fields(line: bytes) -> list[bytes]:
    """Split at the commas outside quotes and strip the quotes; one within a field stays, for its parser to refuse."""
    if b'"' not in line:
        return line.split(b",")
    pieces = line.split(b'"')  # outside, quoted, outside, quoted, ..., outside
    if len(pieces) % 2 == 0:
        raise RowError(UNBALANCED_QUOTE, f"found {len(pieces) - 1} double quotes, expected them in pairs")
    *fields, last = pieces[0].split(b",")
    field, is_blank = [last], not last.strip(_SPACE)  # joined once: a line may be a million quotes
    for quoted, outside in zip(pieces[1::2], pieces[2::2], strict=True):
        if is_blank:
            field, is_blank = [quoted], not quoted.strip(_SPACE)
        else:
            field += (b'"', quoted)
        tail, *others = outside.split(b",")
        if tail.strip(_SPACE):
            field += (b'"', tail)
            is_blank = False
        if others:
            fields += (b"".join(field), *others[:-1])
            field, is_blank = [others[-1]], not others[-1].strip(_SPACE)
    return [*fields, b"".join(field)]


def _parse_pixels(field: bytes) -> bytes:
    """Decode 2,304 numbers between runs of spaces or tabs; `np.fromstring` takes 38 us, `split()` and `int` 159."""
    if not field.translate(None, b"0123456789 \t"):
        numbers = np.fromstring(field, dtype=np.int64, sep=" ")
        if numbers.size == PIXEL_COUNT and numbers.max() <= 255:  # a number past int64 is cut to its largest
            return numbers.astype(np.uint8).tobytes()
    raise _pixels_error(field)


def _pixels_error(field: bytes) -> RowError:
    tokens = [token for token in field.replace(b"\t", b" ").split(b" ") if token]
    if not tokens:
        return _value_error(EMPTY_PIXELS, PIXELS_KEY, field, f"{PIXEL_COUNT} integers 0-255")
    for position, token in enumerate(tokens):
        if reason := _reason_against_pixel(token):
            return _value_error(reason, f"{PIXELS_KEY}[{position}]", token, "an integer 0-255")
    return RowError(WRONG_PIXEL_COUNT, f"column `{PIXELS_KEY}`: found {len(tokens)} integers, expected {PIXEL_COUNT}")


def _reason_against_pixel(token: bytes) -> str | None:
    if not token.isdigit():  # of bytes: ASCII digits only
        return PIXEL_OUT_OF_RANGE if re.fullmatch(rb"-0*[1-9][0-9]*", token) else PIXEL_NOT_INTEGER
    significant = token.lstrip(b"0")
    is_in_range = len(significant) <= 3 and int(significant or b"0") <= 255
    return None if is_in_range else PIXEL_OUT_OF_RANGE


def _value_error(reason: str, column: str, found: bytes, expected: str) -> RowError:
    try:
        found.decode("utf-8")
    except UnicodeDecodeError:
        reason = UNDECODABLE_BYTES
    return RowError(reason, f"column `{column}`: found {shown(found)!r}, expected {expected}")


class CsvForm:
    """A CSV with the column `pixels`, and perhaps `emotion` and `Usage`."""

    suffixes: tuple[str, ...] = (".csv",)

    def recognises(self, head: bytes, name: str) -> bool:
        return name.lower().endswith(self.suffixes) or PIXELS_KEY.encode() in head.partition(b"\n")[0].lower()

    def read(
        self, stream: BinaryIO, name: str, limits: ReadingLimits, is_unlabelled: bool = False
    ) -> Iterator[ParsedRow | RejectedRow]:
        layout = read_header(stream, name, limits.max_line_bytes, is_unlabelled)
        return parse_lines(iter_lines(stream, limits.max_line_bytes), layout, name, limits.max_line_bytes)


CSV = CsvForm()


def parse_lines(
    lines: Iterable[bytes], layout: RowLayout, name: str, limit: int, first_line: int = 2, row: int = 0
) -> Iterator[ParsedRow | RejectedRow]:
    """Yield one item for each line of `iter_lines` that is not blank, numbered from `first_line` and `row`."""
    for line_number, line in enumerate(lines, start=first_line):
        if is_blank(line, limit):
            continue
        try:
            if len(line) > limit:
                found = f"found more than {limit} bytes, expected at most that (data.max_line_bytes)"
                raise RowError(LINE_TOO_LONG, found)
            face = parse_row(line, layout)
        except RowError as error:
            text = shown(line.rstrip(b"\r\n"), _MAX_TEXT_CHARS)
            yield RejectedRow(name, row, line_number, error.reason, error.detail, text)
        else:
            yield ParsedRow(name, row, line_number, face)
        row += 1


def is_blank(line: bytes, limit: int) -> bool:
    """Whether a line is no row; one cut short by `limit` is, whatever it begins with."""
    return line.isspace() and len(line) <= limit


def read_header(stream: BinaryIO, name: str, limit: int, is_unlabelled: bool = False) -> RowLayout:
    """Read line 1. Raises DataError: there is none, or it is no header."""
    line = stream.readline(limit + 1)
    if not line:
        raise DataError(f"{name}: the file is empty: give a CSV with the columns `emotion,pixels`")
    if len(line) > limit:
        raise DataError(f"{name}, line 1: longer than {limit:,} bytes: give a CSV with a header and line ends")
    return parse_header(line, name, is_unlabelled)


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
