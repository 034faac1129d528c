"""A file read in parts gives the very rows that it gives as a whole, wherever it is cut."""

import gzip
import io
from collections.abc import Iterator
from dataclasses import replace

import pytest

from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.errors import DataError
from fer_tfx.reading.csv_form import CSV
from fer_tfx.reading.form import ParsedRow, Part, ReadingLimits, RejectedRow
from fer_tfx.reading.lines import iter_lines, iter_range
from fer_tfx.reading.sources import Source, count_part, cut_source, place, read_part
from fer_tfx.reading.words import ClassTable

CLASSES = ClassTable.build(DEFAULT_CLASS_NAMES, {})

HEADER = b"emotion,pixels\n"
SOURCE = Source("/data/a.csv", "a.csv", is_unlabelled=False)
PICTURE = b" ".join([b"7"] * 2304)
HOSTILE = {
    "blank lines": b"\n\n0,1\n  \n\t\r\n1,2\n\n",
    "CRLF": b"0,1\r\n1,2\r\n\r\n2,3\r\n",
    "bare carriage returns": b"0,1\r1,2\r\n\r2,3\n",
    "quoted line end": b'0,"1 2\n3 4"\n1,"5"\n',
    "unbalanced quotes": b'0,"1\n1,2"\n"\n2,3\n',
    "no last line end": b"0,1\n1,2",
    "ends in blanks": b"0,1\n   ",
    "zeros and bad text": b"\0\0\n\xff\xfe,\xe9\n\xef\xbb\xbf0,1\n",
    "nothing but line ends": b"\n" * 7,
    "one line": b"0,1 2 3 4 5 6 7 8 9",
    "the header once more": b"0,1\n" + HEADER + b"1,2\n",
}


def read_in_parts(content: bytes, config: ReadingLimits) -> Iterator[ParsedRow | RejectedRow]:
    """As Beam does it: cut, count, number, read."""
    ranges = cut_source(SOURCE, io.BytesIO(content), config)
    counted = [(each, count_part(SOURCE, io.BytesIO(content), each, config)) for each in reversed(ranges)]
    for part in place(counted):
        yield from read_part(SOURCE, io.BytesIO(content), part, config, CLASSES)


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_read_part_cut_at_every_byte_gives_the_rows_of_the_whole_file(body: bytes) -> None:
    whole = list(CSV.read(io.BytesIO(HEADER + body), "a.csv", ReadingLimits(), CLASSES))
    for part_bytes in range(1, len(body)):  # at least two parts
        assert list(read_in_parts(HEADER + body, ReadingLimits(part_bytes=part_bytes))) == whole, part_bytes


def test_read_part_of_pictures_and_broken_rows_gives_the_rows_of_the_whole_file() -> None:
    good = b"3," + PICTURE + b"\n"
    content = HEADER + good + b"\n9,1 2\n" + good * 2 + b"x" * 30_000 + b"\n" + good
    config = ReadingLimits(max_line_bytes=10_000)
    whole = list(CSV.read(io.BytesIO(content), "a.csv", config, CLASSES))
    assert [(row.row, row.line, isinstance(row, ParsedRow)) for row in whole] == [
        (0, 2, True), (1, 4, False), (2, 5, True), (3, 6, True), (4, 7, False), (5, 8, True),
    ]  # fmt: skip
    for part_bytes in (997, len(good) - 1, len(good), len(good) + 1, 20_000):
        assert list(read_in_parts(content, replace(config, part_bytes=part_bytes))) == whole


@pytest.mark.parametrize("limit", [1, 4, 5, 6])
def test_iter_range_lines_longer_than_the_limit_belong_to_the_part_where_they_begin(limit: int) -> None:
    body = b"aaaa\n" + b"b" * 23 + b"\n\nccccc\nd" + b"e" * 9
    whole = list(iter_lines(io.BytesIO(body), limit))
    for part_bytes in range(1, len(body) + 1):
        starts = range(len(HEADER), len(HEADER + body), part_bytes)
        parts = [list(iter_range(io.BytesIO(HEADER + body), (each, each + part_bytes), limit)) for each in starts]
        assert [line for lines in parts for line in lines] == whole


def test_iter_range_within_one_long_line_gives_nothing() -> None:
    content = HEADER + b"a" * 200_000 + b"\nb\n"
    assert list(iter_range(io.BytesIO(content), (100, 200), 1_000)) == []
    assert list(iter_range(io.BytesIO(content), (100_000, len(content)), 1_000)) == [b"b\n"]


def test_place_counts_in_any_order_are_summed_up_in_the_files_order() -> None:
    first, second, third = (15, 100), (100, 185), (185, 190)
    assert list(place([(third, (1, 1)), (first, (12, 10)), (second, (0, 0))])) == [
        Part(first, row_count=10, first_line=1, first_row=0),
        Part(second, row_count=0, first_line=13, first_row=10),
        Part(third, row_count=1, first_line=13, first_row=10),
    ]


@pytest.mark.parametrize(
    ("size", "ranges"), [(21, [(15, 25), (25, 35), (35, 36)]), (20, [(15, 25), (25, 35)]), (10, []), (0, [])]
)
def test_cut_source_gives_ranges_without_gap_or_overlap(size: int, ranges: list[tuple[int, int]]) -> None:
    assert cut_source(SOURCE, io.BytesIO(HEADER + b"\n" * size), ReadingLimits(part_bytes=10)) == ranges


@pytest.mark.parametrize(
    "content",
    [b"", HEADER, HEADER + b"0,1\n", gzip.compress(HEADER * 1000, 0), b"7z\xbc\xaf\x27\x1c" * 20, b"x" * 30_000],
    ids=["empty", "header only", "small", "packed", "unreadable", "no header"],
)
def test_cut_source_file_that_must_be_read_whole_gives_no_part(content: bytes) -> None:
    assert cut_source(SOURCE, io.BytesIO(content), ReadingLimits(part_bytes=50, max_line_bytes=10_000)) == []


def test_read_part_file_changed_since_it_was_counted_is_refused() -> None:
    part = Part((15, 23), row_count=3, first_line=1, first_row=0)
    with pytest.raises(DataError, match=r"a\.csv: was changed while .*\(3 rows behind byte 15, now 2\): run"):
        list(read_part(SOURCE, io.BytesIO(HEADER + b"0,1\n1,2\n"), part, ReadingLimits(), CLASSES))
