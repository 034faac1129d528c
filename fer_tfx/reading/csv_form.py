"""A table of pixels, or of the paths of pictures -> its rows, parsed or rejected, so that every line is accounted for.

A physical line is a row: these files hold no line breaks within a field, so an unbalanced quote spoils its own line and
never swallows the lines after it.
"""

import os
import re
from functools import partial
from typing import BinaryIO

from fer_tfx.contract import PIXELS_KEY
from fer_tfx.counted import counted
from fer_tfx.errors import DataError
from fer_tfx.reading.columns import DELIMITERS, RowError, RowLayout, finds_paths, parse_header, split_fields
from fer_tfx.reading.form import FaceRow, ReadingLimits
from fer_tfx.reading.lines import LineForm, ParseLine
from fer_tfx.reading.values import find_split_of_file, make_face
from fer_tfx.reading.words import UNLABELLED, ClassTable, LeftOut, find_labelling

WRONG_COLUMN_COUNT = "wrong number of columns"
# Of a header the name of a column of pixels; of a row, or of a header of numbers alone, some pixels.
_PIXELS = re.compile(
    rb"""\bpixels?\b|\b(?:pixels?|px|p)[ _.]?\d{1,4}["' ]*[,;|\t]|(?:\b\d{1,4}["' ]*[,;|\t ]["' ]*){20}""",
    re.IGNORECASE,
)


class CsvForm(LineForm):
    """A table with the column `pixels`, one for each pixel or one of paths, and perhaps `emotion` and `Usage`."""

    suffixes: tuple[str, ...] = (".csv", ".tsv")
    header_lines = 1

    def recognises(self, head: bytes, name: str) -> bool:
        return name.lower().endswith(self.suffixes) or PIXELS_KEY.encode() in head.partition(b"\n")[0].lower()

    def open(
        self, stream: BinaryIO, name: str, limits: ReadingLimits, classes: ClassTable | None
    ) -> tuple[ParseLine, str]:
        """Raises DataError: there is no header."""
        layout = _read_header(stream, name, limits.max_line_bytes, find_labelling(classes))
        split = None if layout.path is None else find_split_of_file(name, classes)
        return partial(parse_row, layout=layout, classes=classes, default_split=split), layout.describe()

    def tell(self, stream: BinaryIO, name: str, limits: ReadingLimits, classes: ClassTable | None) -> str:
        layout = _read_header(stream, name, limits.max_line_bytes, find_labelling(classes))
        return f"CSV by {DELIMITERS[layout.delimiter]}, {layout.tell()}"

    def lists_pictures(self, head: bytes, classes: ClassTable | None) -> bool:
        return finds_paths(head.partition(b"\n")[0], find_labelling(classes))


CSV = CsvForm()


def looks_like_table(head: bytes) -> bool:
    """Whether a file that begins with `head` seems to be a table, readable or not, whatever its name."""
    return holds_pixels(head) or finds_paths(_first_line(head), UNLABELLED)


def holds_pixels(head: bytes) -> bool:
    """Whether that table seems to have pixels, in one column or many."""
    return bool(_PIXELS.search(_first_line(head)))


def _first_line(head: bytes) -> bytes:
    return head.replace(b"\0", b"").partition(b"\n")[0]  # UTF-16 has a zero in each letter


def _read_header(stream: BinaryIO, name: str, limit: int, labelled_by: str) -> RowLayout:
    line = stream.readline(limit + 1)
    if not line:
        raise DataError(f"{name}: the file is empty: give a CSV with the columns `emotion,pixels`")
    if len(line) > limit:
        raise DataError(f"{name}, line 1: longer than {limit:,} bytes: give a CSV with a header and line ends")
    return parse_header(line, name, labelled_by)


def parse_row(
    line: bytes, layout: RowLayout, classes: ClassTable | None, default_split: str | None = None
) -> FaceRow | LeftOut:
    """Parse one line, with or without its line end. Raises RowError and nothing else; see `make_face`."""
    cells: list[bytes | str] = [*split_fields(line.rstrip(b"\r\n"), layout.delimiter)]
    if len(cells) != layout.column_count:
        raise RowError(WRONG_COLUMN_COUNT, f"found {counted(len(cells), 'column')}, expected {layout.column_count}")
    if layout.path is not None:
        cells[layout.path] = os.fsdecode(cells[layout.path])
    return make_face(layout, classes, cells, default_split)
