import csv
import io
import json

import pytest

from pipeline.prediction.formats import Row, build_format, measure_width, write_rows

SHARES = (0.05, 0.0, 0.05, 0.7, 0.1, 0.1, 1e-10)
ROWS = [Row("a.png", 3, True, 0.7, SHARES), Row('b ",ü.png', 0, False, 0.31234567165374756, SHARES)]
NAMES = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]


def write(name: str, rows: list[Row], title: str = "file", width: int = 10) -> str:
    output = io.StringIO()
    assert write_rows(iter(rows), build_format(name, title, width), output) == len(rows)
    return output.getvalue()


def test_write_rows_table_has_aligned_columns():
    assert write("table", ROWS) == 'a.png       happy     0.700\nb ",ü.png   unsure    0.312\n'


def test_write_rows_table_of_rows_aligns_their_numbers_to_the_right():
    assert write("table", [Row(12, 5, True, 1.0, SHARES)], width=5) == "   12  surprise  1.000\n"


def test_write_rows_table_counts_wide_letters_and_escapes_line_breaks():
    rows = [Row("表.png", 3, True, 0.5, SHARES), Row("a\nb", 3, True, 0.5, SHARES)]
    width = measure_width(["表.png", "a\nb"])
    assert width == 6
    assert write("table", rows, width=width) == "表.png  happy     0.500\na\\nb    happy     0.500\n"


def test_write_rows_csv_reads_back_with_all_probabilities():
    header, first, second = csv.reader(io.StringIO(write("csv", ROWS)))
    assert header == ["file", "class", "confidence", *NAMES]
    assert first == ["a.png", "happy", "0.7", "0.05", "0.0", "0.05", "0.7", "0.1", "0.1", "1e-10"]
    assert second[:3] == ['b ",ü.png', "unsure", "0.3123457"]


def test_write_rows_json_reads_back_with_all_probabilities():
    first, second = json.loads(write("json", ROWS))
    assert first == {
        "file": "a.png", "class": "happy", "confidence": 0.7, "probabilities": dict(zip(NAMES, SHARES, strict=True)),
    }  # fmt: skip
    assert (second["file"], second["class"]) == ('b ",ü.png', "unsure")
    assert json.loads(write("json", [Row(4, 1, True, 0.5, SHARES)], "row"))[0]["row"] == 4


def test_write_rows_submission_is_one_class_index_a_line_without_a_header():
    assert (
        write("submission", [Row(row, index, True, 0.5, SHARES) for row, index in enumerate([6, 0, 3])]) == "6\n0\n3\n"
    )


@pytest.mark.parametrize(("name", "expected"), [("table", ""), ("submission", ""), ("json", [])])
def test_write_rows_no_rows_is_still_well_formed(name, expected):
    text = write(name, [])
    assert (json.loads(text) if name == "json" else text) == expected
