import gzip
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from predictor_double import PredictorDouble, build_prediction

from pipeline.prediction.csv_faces import predict_csv
from schema.errors import DataError


def write_line(number: int) -> str:
    return " ".join([str(number % 256), *["0"] * 2303])


def write_csv(path: Path, numbers: list[int], blank_after: int = -1) -> Path:
    lines = [f'{number % 7},"{write_line(number)}"\n' for number in numbers]
    if blank_after >= 0:
        lines.insert(blank_after, "\n")
    path.write_text("emotion,pixels\n" + "".join(lines), "ascii")
    return path


def predict(path: Path) -> list:
    return list(predict_csv(PredictorDouble(), path))


@pytest.mark.parametrize("count", [1, 128, 129, 300])
def test_predict_csv_every_row_once_and_in_the_order_of_the_file(tmp_path, count):
    numbers = [(37 * row) % 256 for row in range(count)]
    expected = [(row, build_prediction(number)) for row, number in enumerate(numbers)]
    assert predict(write_csv(tmp_path / "a.csv", numbers)) == expected


def test_predict_csv_batches_lie_between_64_and_256_rows(tmp_path):
    double = PredictorDouble()
    assert len(list(predict_csv(double, write_csv(tmp_path / "a.csv", [1] * 300)))) == 300
    assert double.batch_sizes == [128, 128, 44]


def test_predict_csv_repeats_stay_and_blank_lines_are_no_rows(tmp_path):
    path = write_csv(tmp_path / "a.csv", [5, 5, 9], blank_after=1)
    assert predict(path) == [(row, build_prediction(number)) for row, number in enumerate([5, 5, 9])]


def test_predict_csv_packed_forms_give_the_answers_of_the_plain_one(tmp_path):
    plain = write_csv(tmp_path / "test.csv", [3, 1, 200])
    packed = tmp_path / "test.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    with zipfile.ZipFile(tmp_path / "whole.zip", "w") as archive:
        archive.writestr("train.csv", write_csv(tmp_path / "train.csv", [8, 9]).read_bytes())
        archive.writestr("test.csv.gz", packed.read_bytes())
    assert predict(packed) == predict(tmp_path / "whole.zip") == predict(plain)


def test_predict_csv_broken_row_is_named_by_file_and_line(tmp_path):
    path = write_csv(tmp_path / "a.csv", [1, 2, 3], blank_after=0)
    path.write_text(path.read_text("ascii").replace('"2 0 0', '"256 0 0'), "ascii")
    with pytest.raises(DataError) as caught:
        predict(path)
    assert str(caught.value) == (
        f"{path}, line 4: pixel out of 0-255: column `pixels[0]`: found '256', expected an integer 0-255;"
        " mend or remove this row"
    )


def test_predict_csv_broken_row_in_an_archive_is_named_by_its_member(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("rows/own.csv", "pixels\n1 2 3\n")
    with pytest.raises(DataError, match=r"a\.zip/rows/own\.csv, line 2: wrong number of pixels: .*; mend or remove"):
        predict(tmp_path / "a.zip")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "can't be read: No such file or directory; give a FER2013 CSV"),
        (b"", "no CSV in it|the file is empty"),
        (b"pixels\n", "no row in it; give a file with a picture in each line"),
        (b"emotion,faces\n", "found no column `pixels`"),
        (b"\x1f\x8b\x08\x00", "ends early"),
    ],
)
def test_predict_csv_file_without_rows_to_read_is_named(tmp_path, content, said):
    path = tmp_path / "a.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=f"^{path}.*(?:{said})"):
        predict(path)


def measure_peak(path: Path) -> int:
    tracemalloc.start()
    for _ in predict_csv(PredictorDouble(), path):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_predict_csv_memory_does_not_grow_with_the_rows(tmp_path):
    few, many = (write_csv(tmp_path / f"{count}.csv", [1] * count) for count in (256, 2048))
    measure_peak(few)
    assert measure_peak(many) < 1.2 * measure_peak(few)
