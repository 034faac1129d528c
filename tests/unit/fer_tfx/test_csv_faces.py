import gzip
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from predictor_double import PredictorDouble, read_numbers

from fer_tfx.commands.inputs import open_rows
from fer_tfx.commands.predict import answer_items
from fer_tfx.errors import DataError
from fer_tfx.model import Model


def write_line(number: int) -> str:
    return " ".join([str(number % 256), *["0"] * 2303])


def write_csv(path: Path, numbers: list[int], blank_after: int = -1) -> Path:
    lines = [f'{number % 7},"{write_line(number)}"\n' for number in numbers]
    if blank_after >= 0:
        lines.insert(blank_after, "\n")
    path.write_text("emotion,pixels\n" + "".join(lines), "ascii")
    return path


def read(path: Path) -> list[tuple[int, int]]:
    """Place and first pixel of each row."""
    return [(subject.place, number) for subject, number in read_numbers(open_rows(str(path)).iter_items())]


@pytest.mark.parametrize("count", [1, 128, 300])
def test_iter_items_every_row_once_and_in_the_order_of_the_file(tmp_path, count):
    numbers = [(37 * row) % 256 for row in range(count)]
    assert read(write_csv(tmp_path / "a.csv", numbers)) == list(enumerate(numbers))


def test_iter_items_repeats_stay_and_blank_lines_are_no_rows(tmp_path):
    assert read(write_csv(tmp_path / "a.csv", [5, 5, 9], blank_after=1)) == [(0, 5), (1, 5), (2, 9)]


@pytest.mark.parametrize(
    ("header", "before", "behind"),
    [("emotion,pixels", "7,", ""), ("emotion,pixels", ",", ""), ("emotion,pixels", "joy,", ""),
     ("emotion,emotion,pixels", "3,x,", ""), ("emotion,pixels,Usage", "3,", ",Holdout"), ("pixels,Usage", "", ",")],
)  # fmt: skip
def test_iter_items_labels_and_usages_are_not_looked_at(tmp_path, header, before, behind):
    lines = [header, *(f"{before}{write_line(number)}{behind}" for number in (4, 5))]
    (tmp_path / "a.csv").write_text("\n".join([*lines, ""]), "ascii")
    assert read(tmp_path / "a.csv") == [(0, 4), (1, 5)]


def test_iter_items_packed_forms_give_the_rows_of_the_plain_one(tmp_path):
    plain = write_csv(tmp_path / "test.csv", [3, 1, 200])
    packed = tmp_path / "test.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    with zipfile.ZipFile(tmp_path / "whole.zip", "w") as archive:
        archive.writestr("train.csv", write_csv(tmp_path / "train.csv", [8, 9]).read_bytes())
        archive.writestr("test.csv.gz", packed.read_bytes())
    assert read(packed) == read(tmp_path / "whole.zip") == read(plain) == [(0, 3), (1, 1), (2, 200)]


def test_iter_items_rows_of_two_members_are_counted_on_and_name_their_member(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("b.csv", "c.csv"):
            archive.writestr(name, write_csv(tmp_path / name, [4, 5]).read_bytes())
    found = [subject for subject, _ in read_numbers(open_rows(str(tmp_path / "a.zip")).iter_items())]
    assert [(each.source, each.place) for each in found] == [
        (f"{tmp_path}/a.zip/{name}", place) for place, name in enumerate(("b.csv", "b.csv", "c.csv", "c.csv"))
    ]


def test_iter_items_broken_row_is_named_by_file_and_line(tmp_path):
    path = write_csv(tmp_path / "a.csv", [1, 2, 3], blank_after=0)
    path.write_text(path.read_text("ascii").replace('"2 0 0', '"256 0 0'), "ascii")
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value) == (
        f"{path}, line 4: pixel out of 0-255: column `pixels[0]`: found '256', expected an integer 0-255;"
        " fix or remove this row"
    )


def test_iter_items_broken_row_in_an_archive_is_named_by_its_member(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("rows/own.csv", "pixels\n1 2 3\n")
    with pytest.raises(DataError, match=r"a\.zip/rows/own\.csv, line 2: wrong number of pixels: .*; fix or remove"):
        read(tmp_path / "a.zip")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such file; check the path"),
        (b"", "no CSV in it|the file is empty"),
        (b"pixels\n", "no row in it; give a file with a picture in each line"),
        (b"emotion,faces\n", "found no column `pixels`"),
        (b"\x1f\x8b\x08\x00", "ends early"),
    ],
)
def test_iter_items_file_without_rows_to_read_is_named(tmp_path, content, said):
    path = tmp_path / "a.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=f"^{path}.*(?:{said})"):
        read(path)


def measure_peak(path: Path) -> int:
    tracemalloc.start()
    for _ in answer_items(Model(PredictorDouble()), open_rows(str(path)).iter_items(), 1):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_iter_items_memory_does_not_grow_with_the_rows(tmp_path):
    few, many = (write_csv(tmp_path / f"{count}.csv", [1] * count) for count in (256, 2048))
    measure_peak(few)
    assert measure_peak(many) < 1.2 * measure_peak(few)
