"""Header and rows: every accepted spelling, and every reason to reject."""

import random
import re
import warnings

import numpy as np
import pytest

from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.errors import DataError
from fer_tfx.reading.columns import RowError, RowLayout, parse_header
from fer_tfx.reading.csv_form import parse_row
from fer_tfx.reading.form import FaceRow, shown
from fer_tfx.reading.words import UNLABELLED as TO_PREDICT
from fer_tfx.reading.words import ClassTable

CLASSES = ClassTable.build(DEFAULT_CLASS_NAMES, {})

VALUES = [(7 * position) % 256 for position in range(2304)]
PIXELS = " ".join(str(value) for value in VALUES).encode()
LABELLED = RowLayout(pixels=1, emotion=0, usage=None, column_count=2)
WITH_USAGE = RowLayout(pixels=1, emotion=0, usage=2, column_count=3)
UNLABELLED = RowLayout(pixels=0, emotion=None, usage=None, column_count=1)

HEADERS = {
    "fer2013": (b"emotion,pixels,Usage\n", RowLayout(1, 0, 2, 3)),
    "icml": (b"emotion, Usage, pixels\n", RowLayout(2, 0, 1, 3)),
    "train": (b"emotion,pixels\n", RowLayout(1, 0, None, 2)),
    "test": (b"pixels\n", RowLayout(0, None, None, 1)),
    "byte order mark": (b"\xef\xbb\xbfemotion,pixels\n", RowLayout(1, 0, None, 2)),
    "CRLF": (b"emotion,pixels\r\n", RowLayout(1, 0, None, 2)),
    "no line end": (b"emotion,pixels", RowLayout(1, 0, None, 2)),
    "upper case and quotes": (b'"PIXELS" , "Emotion"\n', RowLayout(0, 1, None, 2)),
    "quotes after the mark": (b'\xef\xbb\xbf"emotion","pixels"\n', RowLayout(1, 0, None, 2)),
    "further columns": (b'id,emotion,"name, first",pixels\n', RowLayout(3, 1, None, 4)),
    "further column twice": (b"id,id,pixels\n", RowLayout(2, None, None, 3)),
    "semicolons": (b"emotion;pixels;Usage\r\n", RowLayout(1, 0, 2, 3, b";")),
    "quotes and semicolons": (b'"emotion";"pixels"\n', RowLayout(1, 0, None, 2, b";")),
    "tabs": (b"emotion\tpixels\n", RowLayout(1, 0, None, 2, b"\t")),
    "commas in a name": (b'"a;b",pixels\n', RowLayout(1, None, None, 2)),
    "label": (b",label,pixels,split\n", RowLayout(2, 1, 3, 4, label_name="label", usage_name="split")),
    "emotion and label": (b"label,emotion,pixels,set\n", RowLayout(2, 1, 3, 4, usage_name="set")),
    "index": (b"Unnamed: 0,emotion,pixels\n", RowLayout(2, 1, None, 3)),
    "few numbers": (b"0,emotion,pixels\n", RowLayout(2, 1, None, 3)),
}
WIDE = {
    "pixel0": [f"pixel{number}" for number in range(2304)],
    "pixel_1": [f"pixel_{number}" for number in range(1, 2305)],
    "numbers": [str(number) for number in range(2304)],
    "in any order": [f"Pixel{number}" for number in reversed(range(2304))],
}


@pytest.mark.parametrize("names", WIDE.values(), ids=WIDE)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_row_of_one_column_a_pixel_is_put_in_order_by_the_names(names: list[str], delimiter: str) -> None:
    value_of = dict(zip(sorted(names, key=lambda name: int(re.sub(r"\D", "", name))), VALUES, strict=True))
    header, row = ["", "emotion", *names, "Usage"], ["17", "3", *(str(value_of[name]) for name in names), "Training"]
    layout = parse_header(delimiter.join(header).encode(), "a.csv")
    assert parse_row(delimiter.join(row).encode(), layout, CLASSES) == FaceRow(3, bytes(VALUES), "train")
    row[100] = ""
    with pytest.raises(RowError, match=r"pixel is not an integer: column `pixels\[\d+\]`: found ''"):
        parse_row(delimiter.join(row).encode(), layout, CLASSES)
    assert ("separated by" in layout.describe()) == (delimiter != ",")
    assert "one column a pixel" in layout.describe()


def test_parse_header_of_fer2013_has_nothing_to_tell() -> None:
    assert parse_header(b"emotion, Usage, pixels\n", "a.csv").describe() == ""
    assert parse_header(b"id;label;pixels;Split\n", "a.csv").describe() == (
        "columns separated by semicolons, classes in column `label`, splits in column `split`"
    )


def test_parse_header_of_other_words_than_pixels_counts_when_rows_are_to_be_predicted_only() -> None:
    assert parse_header(b"label,label;x,pixels\n", "a.csv", TO_PREDICT) == RowLayout(2, None, None, 3)


@pytest.mark.parametrize(("line", "layout"), HEADERS.values(), ids=HEADERS.keys())
def test_parse_header_accepted_spelling_finds_columns(line: bytes, layout: RowLayout) -> None:
    assert parse_header(line, "a.csv") == layout


BAD_HEADERS = {
    "no header": (b'0,"1 2 3"\n', r"a\.csv, line 1: found no column `pixels` in '0,\"1 2 3\"': put a header such as"),
    "blank": (b"\n", "found no column `pixels` in '': put a header"),
    "no pixels": (b"emotion\n", "found no column `pixels` in 'emotion': make line 1 a header with the columns"),
    "carets": (b"emotion^pixels\n", "found no column `pixels` .*: separate the columns by commas, semicolons, tabs or"),
    "a column a class": (
        b"pixels,Angry,Happy,sad\n",
        "a column for each class: write one column `emotion` .* of angry",
    ),
    "a column a class of paths": (
        b"filename;emotion_fear;emotion_joy\n",
        "a column for each class: write",
    ),
    "votes": (
        b"pixels,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF\n",
        "found votes, but no column of classes: set data.targets=majority or",
    ),
    "a pixel short": (
        ",".join(f"pixel{number}" for number in range(2303)).encode(),
        "found 2,303 columns of single pixels: give all",
    ),
    "a pixel twice": (
        ",".join(["emotion", *map(str, range(2303)), "2301"]).encode(),
        "found 2,303 columns of single pixels: give",
    ),
    "twice": (b"pixels,emotion, Pixels\n", "found column `pixels` 2 times: keep one of them"),
    "UTF-16 with mark": ("emotion,pixels\n".encode("utf-16"), "found UTF-16 or binary content: save .* UTF-8"),
    "UTF-16 without mark": ("emotion,pixels\n".encode("utf-16-le"), "found UTF-16 or binary content"),
    "bare CR": (b"emotion,pixels\r0,1 2 3\r", "found line ends of a bare carriage return: save"),
    "unbalanced quote": (b'emotion,"pixels\n', "found unbalanced quote: .*: fix the quotes"),
    "not UTF-8": (b"\xe9motion\n", r"found no column `pixels` in '\\\\xe9motion'"),
    "picture": (b"\x89PNG\r\n", "found no column `pixels`"),
}


@pytest.mark.parametrize(("line", "message"), BAD_HEADERS.values(), ids=BAD_HEADERS.keys())
def test_parse_header_unusable_line_names_file_and_remedy(line: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        parse_header(line, "a.csv")
    assert "\n" not in str(caught.value)


ROWS = {
    "plain": (b"3," + PIXELS + b"\n", LABELLED),
    "quoted": (b'3,"' + PIXELS + b'"\n', LABELLED),
    "all quoted, CRLF": (b'"3","' + PIXELS + b'"\r\n', LABELLED),
    "no line end": (b'3,"' + PIXELS + b'"', LABELLED),
    "spaces around fields": (b' 3 , "' + PIXELS + b'" \n', LABELLED),
    "spaces in quotes": (b'" 3 "," ' + PIXELS + b' "\n', LABELLED),
    "runs of spaces": (b"3,  " + PIXELS.replace(b" ", b"   ") + b"  \n", LABELLED),
    "tabs": (b"3,\t" + PIXELS.replace(b" ", b"\t") + b"\t\n", LABELLED),
    "leading zeros": (b"3," + b" ".join(b"%05d" % value for value in VALUES), LABELLED),
    "brackets": (b'3,"[' + PIXELS.replace(b" ", b", ") + b']"\n', LABELLED),
    "brackets without spaces": (b'3,"[' + PIXELS.replace(b" ", b",") + b']"', LABELLED),
    "brackets without commas": (b"3, [ " + PIXELS + b" ]", LABELLED),
    "commas in quotes": (b'3,"' + PIXELS.replace(b" ", b",") + b'"', LABELLED),
    "commas between semicolons": (b"3;" + PIXELS.replace(b" ", b","), LABELLED._replace(delimiter=b";")),
    "tabs in quotes": (b'3\t"' + PIXELS.replace(b" ", b"\t") + b'"', LABELLED._replace(delimiter=b"\t")),
    "label 3.0": (b"3.0," + PIXELS, LABELLED),
    "label by name": (b"happy," + PIXELS, LABELLED),
    "label in capitals": (b'" HAPPY ",' + PIXELS, LABELLED),
    "label by alias": (b"Happiness," + PIXELS, LABELLED),
    "label by number and name": (b"4_happy," + PIXELS, LABELLED),
    "columns that nobody reads": (
        b'"a, ""b""",3,\xff,' + PIXELS,
        RowLayout(pixels=3, emotion=1, usage=None, column_count=4),
    ),
}


@pytest.mark.parametrize(("line", "layout"), ROWS.values(), ids=ROWS.keys())
def test_parse_row_accepted_spelling_gives_same_face(line: bytes, layout: RowLayout) -> None:
    assert parse_row(line, layout, CLASSES) == FaceRow(class_index=3, pixels=bytes(VALUES), usage=None)


def test_parse_row_unlabelled_layout_gives_no_class() -> None:
    assert parse_row(b'"' + PIXELS + b'"\n', UNLABELLED, CLASSES) == FaceRow(None, bytes(VALUES), None)


@pytest.mark.parametrize("class_index", range(7))
def test_parse_row_each_label_gives_its_index(class_index: int) -> None:
    assert parse_row(b"%d,%s" % (class_index, PIXELS), LABELLED, CLASSES).class_index == class_index


@pytest.mark.parametrize(
    ("usage", "split"),
    [
        (b"Training", "train"),
        (b"PublicTest", "eval"),
        (b"PrivateTest", "test"),
        (b' "publictest" ', "eval"),
        (b"train", "train"),
        (b"val", "eval"),
        (b"valid", "eval"),
        (b"Validation", "eval"),
        (b"TEST", "test"),
    ],
)
def test_parse_row_known_usage_gives_its_split(usage: bytes, split: str) -> None:
    assert parse_row(b"0," + PIXELS + b"," + usage + b"\r\n", WITH_USAGE, CLASSES).usage == split


def test_parse_row_every_value_keeps_its_place() -> None:
    values = np.random.default_rng(1).integers(0, 256, 2304)
    assert set(values) == set(range(256))
    line = b"0," + " ".join(map(str, values)).encode()
    np.testing.assert_array_equal(np.frombuffer(parse_row(line, LABELLED, CLASSES).pixels, np.uint8), values)


def _row_with(token: bytes) -> bytes:
    """A row whose eleventh pixel is `token`."""
    tokens = PIXELS.split()
    return b"3," + b" ".join([*tokens[:10], token, *tokens[11:]])


BAD_ROWS = {
    "256": (_row_with(b"256"), "pixel out of 0-255", "column `pixels[10]`: found '256', expected an integer 0-255"),
    "-1": (_row_with(b"-1"), "pixel out of 0-255", "column `pixels[10]`: found '-1'"),
    "past int64": (_row_with(b"9" * 20), "pixel out of 0-255", "found '99999999999999999999'"),
    "2 to the 64": (_row_with(b"18446744073709551616"), "pixel out of 0-255", "found '1844"),
    "past the limit of int()": (_row_with(b"1" * 5000), "pixel out of 0-255", "found '1111"),
    "-0": (_row_with(b"-0"), "pixel is not an integer", "found '-0'"),
    "+5": (_row_with(b"+5"), "pixel is not an integer", "found '+5'"),
    "1.5": (_row_with(b"1.5"), "pixel is not an integer", "found '1.5', expected an integer 0-255, not scaled to 0-1"),
    "1.0.0": (_row_with(b"1.0.0"), "pixel is not an integer", "found '1.0"),
    ".0": (_row_with(b".0"), "pixel is not an integer", "found '.0'"),
    "1e3": (_row_with(b"1e3"), "pixel is not an integer", "found '1e3'"),
    "12a": (_row_with(b"12a"), "pixel is not an integer", "column `pixels[10]`: found '12a'"),
    "NUL": (_row_with(b"1\x002"), "pixel is not an integer", r"found '1\\x002'"),
    "form feed": (_row_with(b"1\x0c2"), "pixel is not an integer", r"found '1\\x0c2'"),
    "carriage return": (_row_with(b"1\r2"), "pixel is not an integer", r"found '1\\r2'"),
    "Arabic digits": (_row_with("١٢".encode()), "pixel is not an integer", "found '١٢'"),
    "Latin-1": (_row_with(b"1\xe9"), "undecodable bytes", r"found '1\\xe9'"),
    "quote in the midst": (_row_with(b'1"2"3'), "pixel is not an integer", "found '1\"2\"3'"),
    "2303 pixels": (
        b"3," + PIXELS.rsplit(b" ", 1)[0],
        "wrong number of pixels",
        "found 2,303 integers, expected 2,304",
    ),
    "2305 pixels": (b"3," + PIXELS + b" 0", "wrong number of pixels", "found 2,305 integers, expected 2,304"),
    "no pixels": (b"3,", "empty pixels", "found '', expected 2,304 integers 0-255"),
    "spaces for pixels": (b'3,"   "', "empty pixels", "expected 2,304"),
    "label missing": (b"," + PIXELS, "unknown label", "column `emotion`: found '', expected an integer 0-6"),
    "label 7": (b"7," + PIXELS, "unknown label", "found '7'"),
    "label -1": (b"-1," + PIXELS, "unknown label", "found '-1'"),
    "label 3.5": (b"3.5," + PIXELS, "unknown label", "found '3.5', expected an integer 0-6 or the name of a class"),
    "label 7.0": (b"7.0," + PIXELS, "unknown label", "found '7.0'"),
    "label by another name": (b"contempt," + PIXELS, "unknown label", "found 'contempt'"),
    "label by number and another name": (b"3_contempt," + PIXELS, "unknown label", "found '3_contempt'"),
    "nothing between commas": (
        b'3,"' + PIXELS.replace(b" ", b",").replace(b"7,", b"7,,", 1) + b'"',
        "pixel is not an integer",
        "found ''",
    ),
    "empty brackets": (b'3,"[]"', "empty pixels", "expected 2,304"),
    "half in brackets": (b'3,"[' + PIXELS[:500] + b']"', "wrong number of pixels", "expected 2,304"),
    "label in Latin-1": (b"\xff," + PIXELS, "undecodable bytes", r"column `emotion`: found '\\xff'"),
    "one column": (PIXELS, "wrong number of columns", "found 1 column, expected 2"),
    "three columns": (b"3," + PIXELS + b",", "wrong number of columns", "found 3 columns, expected 2"),
    "commas between pixels": (b"3," + PIXELS.replace(b" ", b","), "wrong number of columns", "found 2,305"),
    "unbalanced quote": (b'3,"' + PIXELS, "unbalanced quote", "found 1 double quote, expected them in pairs"),
}


@pytest.mark.parametrize(("line", "reason", "detail"), BAD_ROWS.values(), ids=BAD_ROWS.keys())
def test_parse_row_bad_line_gives_reason_and_detail(line: bytes, reason: str, detail: str) -> None:
    with pytest.raises(RowError) as caught:
        parse_row(line + b"\n", LABELLED, CLASSES)
    assert caught.value.reason == reason
    assert detail in caught.value.detail
    assert len(caught.value.detail) < 160


@pytest.mark.parametrize(("usage", "is_usable"), [(b"PublicTest", True), (b"test", True), (b"Training", False)])
def test_parse_row_without_a_label_is_usable_where_it_is_held_out(usage: bytes, is_usable: bool) -> None:
    line = b" ," + PIXELS + b"," + usage
    if is_usable:
        assert parse_row(line, WITH_USAGE, CLASSES).class_index is None
    else:
        with pytest.raises(RowError, match="unknown label: column `emotion`: found ' '"):
            parse_row(line, WITH_USAGE, CLASSES)


@pytest.mark.parametrize("usage", [b"", b"Tests", b"trainer", b"0"])
def test_parse_row_unknown_usage_is_rejected(usage: bytes) -> None:
    with pytest.raises(RowError, match=f"unknown usage: column `usage`: found '{usage.decode()}', expected Training"):
        parse_row(b"3," + PIXELS + b"," + usage, WITH_USAGE, CLASSES)


def test_parse_row_quotes_around_a_comma_do_not_shift_columns() -> None:
    with pytest.raises(RowError, match="found 2 columns, expected 3"):
        parse_row(b'"0,1",' + PIXELS, RowLayout(pixels=2, emotion=0, usage=None, column_count=3), CLASSES)


def test_parse_row_mutated_lines_raise_nothing_but_row_errors() -> None:
    draw = random.Random(5)
    good = b'3,"' + PIXELS + b'",Training\r\n'
    rejected = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(1500):
            line = bytearray(good)
            for _ in range(draw.randint(1, 3)):
                start = draw.choice([draw.randrange(len(line)), draw.randrange(12), len(line) - draw.randrange(1, 20)])
                line[start : start + draw.choice([0, 1, 1, 1, 5000])] = draw.choice(
                    [b"", b'"', b",", b" ", b"-", b"\0", b"7", b"\n", draw.randbytes(draw.randint(1, 4))]
                )
            try:
                face = parse_row(bytes(line), WITH_USAGE, CLASSES)
            except RowError:
                rejected += 1
            else:
                assert (len(face.pixels), face.usage) == (2304, "train")
    assert 500 < rejected < 1500


def test_shown_any_bytes_gives_a_short_printable_line() -> None:
    assert shown(b"a\xe9\n\x00b") == r"a\xe9\n\x00b"
    assert shown(b"9" * 100, 10) == "9999999..."
    assert len(shown(b"\xff" * 1000, 120)) == 120
