"""A table of pixels -> its rows, parsed or rejected, so that every line is accounted for.

A physical line is a row: these files hold no line breaks within a field, so an unbalanced quote spoils its own line and
never swallows the lines after it.
"""

import math
import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import numpy as np

from fer_tfx.contract import EVAL_SPLIT, PIXEL_COUNT, PIXELS_KEY, TEST_SPLIT
from fer_tfx.errors import DataError
from fer_tfx.reading.columns import RowError, RowLayout, parse_header, split_fields
from fer_tfx.reading.form import FaceRow, Item, LeftOutRow, ParsedRow, ReadingLimits, RejectedRow, Remark, shown
from fer_tfx.reading.words import ClassTable, LeftOut, find_split

# Reasons to reject a row: short and few, to be counted.
WRONG_COLUMN_COUNT = "wrong number of columns"
WRONG_PIXEL_COUNT = "wrong number of pixels"
EMPTY_PIXELS = "empty pixels"
PIXEL_NOT_INTEGER = "pixel is not an integer"
PIXEL_OUT_OF_RANGE = "pixel out of 0-255"
UNKNOWN_LABEL = "unknown label"
UNKNOWN_USAGE = "unknown usage"
UNDECODABLE_BYTES = "undecodable bytes"
LINE_TOO_LONG = "line too long"

_NUMBERS_AND_SPACE = b"0123456789 \t"
_BRACKETS_TO_SPACE = bytes.maketrans(b"[]\t", b"   ")
_MAX_TEXT_CHARS = 120
_CHUNK_BYTES = 1 << 16


def parse_row(line: bytes, layout: RowLayout, classes: ClassTable | None) -> FaceRow | LeftOut:
    """Parse one line, with or without its line end. Raises RowError and nothing else.

    A held-out row may have no label, as where a competition keeps it; see `Form.read` for `classes`.
    """
    fields = split_fields(line.rstrip(b"\r\n"), layout.delimiter)
    if len(fields) != layout.column_count:
        raise RowError(WRONG_COLUMN_COUNT, f"found {len(fields)} columns, expected {layout.column_count}")
    usage_text = b"" if layout.usage is None else fields[layout.usage]
    class_index, usage = None, find_split(usage_text)
    if layout.emotion is not None and classes:
        label = fields[layout.emotion]
        meaning = classes.find(label)
        if isinstance(meaning, LeftOut):
            return meaning
        if meaning is None and (label.strip() or usage not in (EVAL_SPLIT, TEST_SPLIT)):
            expected = f"an integer 0-{len(classes.names) - 1} or the name of a class"
            raise _value_error(UNKNOWN_LABEL, layout.label_name, label, expected)
        class_index = meaning
    if layout.pixels is None:
        pixels = _parse_pixels(b",".join([fields[place] for place in layout.pixel_columns]))
    else:
        pixels = _parse_pixels(fields[layout.pixels])
    if usage is None and layout.usage is not None:
        expected = "Training, PublicTest, PrivateTest, train, val or test"
        raise _value_error(UNKNOWN_USAGE, layout.usage_name, usage_text, expected)
    return FaceRow(class_index, pixels, usage)


def _parse_pixels(field: bytes) -> bytes:
    """Decode 2,304 numbers between runs of spaces or tabs; `np.fromstring` takes 38 us, `split()` and `int` 159."""
    if field.translate(None, _NUMBERS_AND_SPACE):
        field = _flatten(field)
    if not field.translate(None, _NUMBERS_AND_SPACE):
        numbers = np.fromstring(field, dtype=np.int64, sep=" ")
        if numbers.size == PIXEL_COUNT and numbers.max() <= 255:  # a number past int64 is cut to its largest
            return numbers.astype(np.uint8).tobytes()
    raise _pixels_error(field)


def _flatten(field: bytes) -> bytes:
    """`[70, 80]` and `70,80` -> `70 80`; commas with nothing between them stay, to be refused."""
    text = field.translate(_BRACKETS_TO_SPACE)
    return text if b",," in b",%b," % text.replace(b" ", b"") else text.replace(b",", b" ")


def _pixels_error(field: bytes) -> RowError:
    text = field.replace(b"\t", b" ")
    tokens = text.replace(b" ", b"").split(b",") if b"," in text else [each for each in text.split(b" ") if each]
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
    """A table with the column `pixels`, or one for each pixel, and perhaps `emotion` and `Usage`."""

    suffixes: tuple[str, ...] = (".csv", ".tsv")

    def recognises(self, head: bytes, name: str) -> bool:
        return name.lower().endswith(self.suffixes) or PIXELS_KEY.encode() in head.partition(b"\n")[0].lower()

    def read(self, stream: BinaryIO, name: str, limits: ReadingLimits, classes: ClassTable | None) -> Iterator[Item]:
        layout = read_header(stream, name, limits.max_line_bytes, is_unlabelled=classes is None)
        return parse_lines(iter_lines(stream, limits.max_line_bytes), layout, name, limits.max_line_bytes, classes)


CSV = CsvForm()


def parse_lines(
    lines: Iterable[bytes],
    layout: RowLayout,
    name: str,
    limit: int,
    classes: ClassTable | None,
    first_line: int = 2,
    row: int = 0,
) -> Iterator[Item]:
    """Yield one item for each line of `iter_lines` that is not blank, numbered from `first_line` and `row`.

    Before them, how the file is read if not as FER2013's own.
    """
    if description := layout.describe():
        yield Remark(name, description)
    for line_number, line in enumerate(lines, start=first_line):
        if is_blank(line, limit):
            continue
        try:
            if len(line) > limit:
                found = f"found more than {limit} bytes, expected at most that (data.max_line_bytes)"
                raise RowError(LINE_TOO_LONG, found)
            face = parse_row(line, layout, classes)
        except RowError as error:
            text = shown(line.rstrip(b"\r\n"), _MAX_TEXT_CHARS)
            yield RejectedRow(name, row, line_number, error.reason, error.detail, text)
        else:
            if isinstance(face, LeftOut):
                yield LeftOutRow(name, row, line_number, face.word)
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
