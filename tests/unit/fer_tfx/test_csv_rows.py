"""Every line of a file is accounted for, in bounded memory."""

import io
import lzma
import tracemalloc
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.errors import DataError
from fer_tfx.reading.csv_form import CSV
from fer_tfx.reading.form import FaceRow, Item, ParsedRow, ReadingLimits, RejectedRow, Remark
from fer_tfx.reading.words import ClassTable

VALUES = bytes(position % 256 for position in range(2304))
PIXELS = " ".join(str(value) for value in VALUES).encode()
GOOD = b'3,"' + PIXELS + b'"\n'
HEADER = b"emotion,pixels\n"
FACE = FaceRow(class_index=3, pixels=VALUES, usage=None)
CLASSES = ClassTable.build(DEFAULT_CLASS_NAMES, {})
CONFIG = ReadingLimits(max_line_bytes=20_000)
REAL_FILES = Path(__file__).parents[4] / "shared" / "data" / "fer2013"


def _read(content: bytes, config: ReadingLimits = CONFIG) -> list[Item]:
    return list(CSV.read(io.BytesIO(content), "a.csv", config, CLASSES))


def _reasons(rows: list[Item]) -> list[str]:
    return [row.reason if isinstance(row, RejectedRow) else "" for row in rows]


def test_iter_rows_good_lines_number_rows_from_0_and_lines_from_1() -> None:
    assert _read(HEADER + GOOD + GOOD) == [ParsedRow("a.csv", 0, 2, FACE), ParsedRow("a.csv", 1, 3, FACE)]


def test_iter_rows_blank_lines_count_as_lines_only() -> None:
    rows = _read(HEADER + b"\n" + GOOD + b"  \r\n\t\n" + GOOD + b"\n")
    assert [(row.row, row.line) for row in rows] == [(0, 3), (1, 6)]


def test_iter_rows_rejected_row_keeps_its_place_and_text() -> None:
    rows = _read(HEADER + b"9,1 2 3\n" + GOOD)
    assert rows == [
        RejectedRow(
            "a.csv",
            0,
            2,
            "unknown label",
            "column `emotion`: found '9', expected an integer 0-6 or the name of a class",
            text="9,1 2 3",
        ),
        ParsedRow("a.csv", 1, 3, FACE),
    ]


FORMS = {
    "CRLF": (HEADER + GOOD + GOOD).replace(b"\n", b"\r\n"),
    "byte order mark": b"\xef\xbb\xbf" + HEADER + GOOD + GOOD,
    "no last line end": HEADER + GOOD + GOOD.rstrip(b"\n"),
    "unquoted": (HEADER + GOOD + GOOD).replace(b'"', b""),
}


@pytest.mark.parametrize("content", FORMS.values(), ids=FORMS.keys())
def test_iter_rows_any_text_form_gives_same_faces(content: bytes) -> None:
    assert [row.face for row in _read(content) if isinstance(row, ParsedRow)] == [FACE, FACE]


def test_iter_rows_of_another_form_begin_with_how_they_are_read() -> None:
    remark, row = _read(b"id;label;pixels\n7;happy;" + PIXELS + b"\n")
    assert remark == Remark("a.csv", "columns separated by semicolons, classes in column `label`")
    assert row == ParsedRow("a.csv", 0, 2, FACE)


def test_iter_rows_unlabelled_file_gives_no_class() -> None:
    (row,) = _read(b"pixels\n" + PIXELS + b"\n")
    assert isinstance(row, ParsedRow)
    assert row.face.class_index is None


def test_iter_rows_unbalanced_quote_spoils_its_own_line_only() -> None:
    rows = _read(HEADER + GOOD + b'3,"' + PIXELS + b"\n" + GOOD + GOOD)
    assert _reasons(rows) == ["", "unbalanced quote", "", ""]


@pytest.mark.parametrize("cut", [1, 2, 5, 4000, len(GOOD) - 1])
def test_iter_rows_cut_last_line_is_rejected(cut: int) -> None:
    rows = _read(HEADER + GOOD + GOOD.rstrip(b"\n")[:-cut])
    assert [bool(reason) for reason in _reasons(rows)] == ([False, True] if cut < len(GOOD) - 1 else [False])


def test_iter_rows_hostile_lines_are_all_accounted_for() -> None:
    lines = [b"\0" * 50, b"\xff\xfe", b",", b'"', b"3,\xe9", b"3", b"9" * 500_000, b" " * 30_000 + b"x", b"\x0c\x00"]
    rows = _read(HEADER + b"\n".join(lines) + b"\n" + GOOD)
    assert [row.row for row in rows] == list(range(len(lines) + 1))
    assert all(_reasons(rows)[:-1])
    assert rows[-1] == ParsedRow("a.csv", len(lines), len(lines) + 2, FACE)
    for row in rows[:-1]:
        assert isinstance(row, RejectedRow)
        assert len(row.text) <= 120
        assert row.text.isprintable()


@pytest.mark.parametrize(("size", "reason"), [(20_000, "wrong number of columns"), (20_001, "line too long")])
def test_iter_rows_line_length_is_bounded_with_its_end(size: int, reason: str) -> None:
    rows = _read(HEADER + b"1" * (size - 1) + b"\n" + GOOD)
    assert _reasons(rows) == [reason, ""]


def test_iter_rows_unended_long_line_is_one_row() -> None:
    assert _reasons(_read(HEADER + GOOD + b"1" * 300_000)) == ["", "line too long"]


class _LongLine(io.RawIOBase):
    """A header and one line of 50 MB, made while it is read."""

    def __init__(self) -> None:
        self._left = 50_000_000
        self._head = HEADER

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        chunk, self._head = self._head or b"7" * min(len(buffer), self._left), b""
        buffer[: len(chunk)] = chunk
        self._left -= len(chunk)
        return len(chunk)


def test_iter_rows_very_long_line_takes_little_memory() -> None:
    tracemalloc.start()
    try:
        rows = list(CSV.read(cast(BinaryIO, io.BufferedReader(_LongLine())), "a.csv", CONFIG, CLASSES))
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert _reasons(rows) == ["line too long"]
    assert peak_bytes < 1_000_000


BAD_FILES = {
    "empty": (b"", "a.csv: the file is empty: give a CSV with the columns `emotion,pixels`"),
    "no pixels": (b"emotion\n0\n", "a.csv, line 1: found no column `pixels`"),
    "UTF-16": ((HEADER + GOOD).decode().encode("utf-16"), "a.csv, line 1: found UTF-16 or binary content"),
    "no line ends": (b"7" * 100_000, "a.csv, line 1: longer than 20,000 bytes: give a CSV with a header"),
}


@pytest.mark.parametrize(("content", "message"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_iter_rows_unusable_file_names_it_and_the_remedy(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        _read(content)


def test_iter_rows_header_only_gives_no_rows() -> None:
    assert _read(HEADER) == []


@pytest.mark.parametrize(("file", "is_labelled"), [("train.csv.xz", True), ("test.csv.xz", False)])
def test_iter_rows_real_file_rejects_nothing(file: str, is_labelled: bool) -> None:
    if not (REAL_FILES / file).exists():
        pytest.skip("the data set is not here")
    with lzma.open(REAL_FILES / file) as stream:
        rows = list(islice(CSV.read(cast(BinaryIO, stream), file, ReadingLimits(), CLASSES), 500))
    assert _reasons(rows) == [""] * 500
    assert all((row.face.class_index is not None) == is_labelled for row in rows if isinstance(row, ParsedRow))
