"""One line of a FER2013 CSV -> `FaceRow`, or the reason why not.

A physical line is a row: these files hold no line breaks inside a field, so an unbalanced quote spoils its own
line and never swallows the lines after it.
"""

import re
from dataclasses import dataclass

import numpy as np

from fer_tfx.contract import CLASS_COUNT, LABEL_KEY, PIXEL_COUNT, PIXELS_KEY, SPLIT_OF_USAGE, USAGE_COLUMN
from fer_tfx.errors import DataError

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
LINE_TOO_LONG = "line too long"  # raised by whoever reads the lines

_COLUMNS = (LABEL_KEY, PIXELS_KEY, USAGE_COLUMN)
_CLASS_INDEX_OF_TEXT = {str(index).encode(): index for index in range(CLASS_COUNT)}
_SPLIT_OF_USAGE_TEXT = {usage.encode(): split for usage, split in SPLIT_OF_USAGE.items()}
_SPACE = b" \t"
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_MAX_SHOWN_CHARS = 40


@dataclass(frozen=True)
class FaceRow:
    """One picture of the data set."""

    class_index: int | None
    """0-6, a position in `CLASS_NAMES`; None: the file has no labels."""
    pixels: bytes
    """2,304 uint8 values, row-major."""
    usage: str | None
    """Split named by the row, a value of `SPLIT_OF_USAGE`; None: the file has no such column."""


class RowError(Exception):
    """A line is no usable row. `reason` is one of the constants above, `detail` says where, what and what else."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class RowLayout:
    """Which column of a file holds what, counted from 0."""

    pixels: int
    emotion: int | None
    usage: int | None
    column_count: int

    @property
    def is_labelled(self) -> bool:
        return self.emotion is not None


def shown(text: bytes, max_chars: int = _MAX_SHOWN_CHARS) -> str:
    """`text` cut to `max_chars` for a message: one printable line, undecodable bytes and controls escaped."""
    decoded = text[: 4 * max_chars].decode("utf-8", errors="backslashreplace")
    printable = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in decoded)
    return printable if len(printable) <= max_chars else printable[: max_chars - 3] + "..."


def parse_header(line: bytes, file: str) -> RowLayout:
    """Find the columns: any order, case, spaces and quotes. Raises DataError if the file can't be read by them."""
    text = line.removeprefix(_UTF8_MARK).rstrip(b"\r\n")
    _refuse_other_text_forms(line, text, file)
    names = _split_header(text, file)
    place_of = {column: names.index(column) for column in _COLUMNS if column in names}
    for column in place_of:
        if names.count(column) > 1:
            raise _header_error(file, f"column `{column}` {names.count(column)} times", "keep one of them")
    if PIXELS_KEY not in place_of:
        raise _header_error(file, f"no column `{PIXELS_KEY}` in {shown(text)!r}", _remedy_without_pixels(text))
    return RowLayout(
        pixels=place_of[PIXELS_KEY],
        emotion=place_of.get(LABEL_KEY),
        usage=place_of.get(USAGE_COLUMN),
        column_count=len(names),
    )


def _refuse_other_text_forms(line: bytes, text: bytes, file: str) -> None:
    if line.startswith(_UTF16_MARKS) or b"\0" in line:
        raise _header_error(file, "UTF-16 or binary content", "save the file as CSV in UTF-8")
    if b"\r" in text:
        raise _header_error(file, "line ends of a bare carriage return", "save the file with line ends LF or CRLF")


def _split_header(text: bytes, file: str) -> list[str]:
    try:
        fields = _split_fields(text)
    except RowError as error:
        raise _header_error(file, f"{error} in {shown(text)!r}", "mend the quotes of the header") from error
    return [field.decode("utf-8", "replace").strip().lower() for field in fields]


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
    """Parse one line, with or without its line end. Raises RowError and nothing else.

    About 45 us a row of real pixels, most of it in `_parse_pixels`.
    """
    fields = _split_fields(line.rstrip(b"\r\n"))
    if len(fields) != layout.column_count:
        raise RowError(WRONG_COLUMN_COUNT, f"found {len(fields)} columns, expected {layout.column_count}")
    return FaceRow(
        class_index=None if layout.emotion is None else _parse_label(fields[layout.emotion]),
        pixels=_parse_pixels(fields[layout.pixels]),
        usage=None if layout.usage is None else _parse_usage(fields[layout.usage]),
    )


def _split_fields(line: bytes) -> list[bytes]:
    """Split at the commas outside of quotes, and take the quotes off.

    A quote in the midst of a field stays in it, for the parser of that column to refuse.
    """
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


def _parse_label(field: bytes) -> int:
    class_index = _CLASS_INDEX_OF_TEXT.get(field.strip(_SPACE))
    if class_index is None:
        raise _value_error(UNKNOWN_LABEL, LABEL_KEY, field, f"an integer 0-{CLASS_COUNT - 1}")
    return class_index


def _parse_usage(field: bytes) -> str:
    split = _SPLIT_OF_USAGE_TEXT.get(field.strip(_SPACE).lower())
    if split is None:
        raise _value_error(UNKNOWN_USAGE, USAGE_COLUMN, field, "Training, PublicTest or PrivateTest")
    return split


def _parse_pixels(field: bytes) -> bytes:
    """Decode 2,304 numbers between runs of spaces or tabs.

    Microseconds a row of real pixels on one core: `np.fromstring` 38, NumPy arithmetic on the digits 33 (not worth
    its twelve lines), `bytes` of a table look-up for each of `split()` 124, `np.array(split())` 126,
    `bytes(map(int, split()))` 159.
    """
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
        reason = _reason_against_pixel(token)
        if reason:
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
