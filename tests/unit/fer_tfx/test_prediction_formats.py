import csv
import io
import json

import pytest

from fer_tfx.commands.inputs import Subject
from fer_tfx.commands.output import Layout, Row, lay_out, write_rows
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.face_detection import Box
from fer_tfx.prediction import build_prediction

SHARES = (0.05, 0.0, 0.05, 0.7, 0.1, 0.1, 1e-10)
HAPPY = build_prediction(DEFAULT_CLASS_NAMES, 3, 0.7, SHARES, False, views=4)
ROWS = [
    Row(Subject("a.png", 0), HAPPY, True),
    Row(Subject('b ",ü.png', 1), build_prediction(DEFAULT_CLASS_NAMES, 0, 0.31234567165374756, SHARES, True), False),
]
FACES = [
    Row(Subject("a.png", 0, 1, Box(4, 5, 60, 61)), HAPPY, True),
    Row(Subject("a.png", 0, 2, Box(100, 5, 60, 61)), HAPPY, False),
    Row(Subject("bb.png", 1), None, False),
]
NAMES = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
BY_NAME = dict(zip(NAMES, SHARES, strict=True))
ONE_PICTURE, ONE_FILE = Layout(), lay_out(["a.csv"], has_row=True)


def write(name: str, rows: list[Row], layout: Layout = ONE_PICTURE) -> str:
    output = io.StringIO()
    count, _ = write_rows(iter(rows), name, layout, DEFAULT_CLASS_NAMES, output)
    assert count == len(rows)
    return output.getvalue()


def test_write_rows_table_has_aligned_columns():
    layout = lay_out(["a.png", 'b ",ü.png'], has_face=False)
    assert write("table", ROWS, layout) == 'a.png      happy     0.700\nb ",ü.png  unsure    0.312\n'


def test_write_rows_table_of_rows_aligns_their_numbers_to_the_right():
    assert write("table", [Row(Subject("a.csv", 12), HAPPY, True)], ONE_FILE) == "     12  happy     0.700\n"


def test_write_rows_table_of_rows_of_two_files_names_the_file():
    layout = lay_out(["a.csv", "bbb.csv"], has_row=True)
    assert write("table", [Row(Subject("a.csv", 12), HAPPY, True)], layout) == "a.csv row 12         happy     0.700\n"


def test_write_rows_table_counts_wide_letters_and_escapes_line_breaks():
    rows = [Row(Subject(name, 0), HAPPY, True) for name in ("表.png", "a\nb")]
    layout = lay_out(["表.png", "a\nb"], has_face=False)
    assert write("table", rows, layout) == "表.png  happy     0.700\na\\nb    happy     0.700\n"


def test_write_rows_table_of_faces_counts_them_and_says_where_there_is_none():
    layout = lay_out(["a.png", "bb.png"], has_face=True)
    assert write("table", FACES, layout) == (
        "a.png #1   happy     0.700\na.png #2   unsure    0.700\nbb.png     no face\n"
    )


def test_write_rows_csv_reads_back_with_all_probabilities():
    header, first, second = csv.reader(io.StringIO(write("csv", ROWS)))
    assert header == ["file", "class", "confidence", *NAMES, "views"]
    assert first == ["a.png", "happy", "0.7", "0.05", "0.0", "0.05", "0.7", "0.1", "0.1", "1e-10", "4"]
    assert second[:3] == ['b ",ü.png', "unsure", "0.3123457"]
    assert second[-1] == ""  # by a server, which doesn't tell


def test_write_rows_csv_of_faces_has_their_boxes_and_empty_fields_without_one():
    header, first, _, third = csv.reader(io.StringIO(write("csv", FACES, lay_out([], has_face=True))))
    assert header == ["file", "face", "x", "y", "width", "height", "class", "confidence", *NAMES, "views"]
    assert first[:8] == ["a.png", "1", "4", "5", "60", "61", "happy", "0.7"]
    assert third == ["bb.png"] + [""] * 15


@pytest.mark.parametrize(("names", "columns"), [(["a"], ["row"]), (["a", "b"], ["file", "row"])])
def test_lay_out_rows_file_is_a_column_where_there_are_several(names, columns):
    header, first = csv.reader(
        io.StringIO(write("csv", [Row(Subject("a.csv", 4), HAPPY, True)], lay_out(names, has_row=True)))
    )
    assert header[: len(columns)] == columns
    assert first[: len(columns)] == ["a.csv", "4"][-len(columns) :]


def test_write_rows_json_lines_read_back_one_by_one():
    first, second = map(json.loads, write("jsonl", ROWS).splitlines())
    assert first == {"file": "a.png", "class": "happy", "confidence": 0.7, "probabilities": BY_NAME, "views": 4}
    assert (second["file"], second["class"], second["views"]) == ('b ",ü.png', "unsure", None)
    (row,) = write("jsonl", [Row(Subject("a.csv", 4), HAPPY, True)], ONE_FILE).splitlines()
    assert json.loads(row) == {"row": 4, "class": "happy", "confidence": 0.7, "probabilities": BY_NAME, "views": 4}


def test_write_rows_json_lines_of_faces_have_their_boxes_and_null_without_one():
    layout = lay_out([], has_face=True)
    first, _, third = map(json.loads, write("jsonl", FACES, layout).splitlines())
    assert first == {
        "file": "a.png", "face": {"number": 1, "x": 4, "y": 5, "width": 60, "height": 61},
        "class": "happy", "confidence": 0.7, "probabilities": BY_NAME, "views": 4,
    }  # fmt: skip
    assert third == {
        "file": "bb.png",
        "face": None,
        "class": None,
        "confidence": None,
        "probabilities": None,
        "views": None,
    }


@pytest.mark.parametrize(("name", "expected"), [("table", ""), ("jsonl", ""), ("csv", "file,class,confidence,")])
def test_write_rows_no_rows_is_still_well_formed(name, expected):
    assert write(name, []).startswith(expected)
    assert write(name, []).count("\n") == (name == "csv")


def test_write_rows_number_of_views_is_told_beside_that_of_rows():
    assert write_rows(FACES, "table", ONE_PICTURE, (), io.StringIO()) == (3, 4)
    assert write_rows(FACES[2:], "table", ONE_PICTURE, (), io.StringIO()) == (1, None)
