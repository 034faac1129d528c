"""The competition's files, written small."""

import lzma

import numpy as np
import pytest
from evaluation_doubles import draw_pixels, write_data

from benchmarks.fer2013 import read_public_test
from schema.errors import DataError

TEST = draw_pixels([3, 1, 4, 1, 5])


def test_read_public_test_takes_as_many_rows_as_there_are_labels(tmp_path):
    test = read_public_test(write_data(tmp_path, draw_pixels([0]), TEST, [6, 0, 2]))
    assert (test.pixels == TEST[:3]).all()
    assert test.pixels.dtype == np.uint8
    assert test.class_indices.tolist() == [6, 0, 2]


def test_read_public_test_picture_of_the_training_file_is_not_clean(tmp_path):
    almost = TEST[2:3].copy()
    almost[0, 5, 5] += 1
    train = np.concatenate([draw_pixels([0]), TEST[1:2], almost, TEST[4:5]])
    assert read_public_test(write_data(tmp_path, train, TEST, [0, 0, 0])).is_clean.tolist() == [True, False, True]


def test_read_public_test_too_few_rows_is_refused(tmp_path):
    write_data(tmp_path, TEST, TEST, [0] * 6)
    with pytest.raises(DataError, match=r"test\.csv\.xz: 5 rows for the 6 labels of public_test_labels\.csv; give"):
        read_public_test(tmp_path)


def test_read_public_test_missing_file_names_it_and_what_belongs_there(tmp_path):
    write_data(tmp_path, TEST, TEST, [0])
    (tmp_path / "train.csv.xz").unlink()
    with pytest.raises(DataError, match=r"train\.csv\.xz: can't be read: No such file or directory; give --data a"):
        read_public_test(tmp_path)


def test_read_public_test_missing_labels_names_the_file(tmp_path):
    with pytest.raises(DataError, match=r"public_test_labels\.csv: can't be read: No such file"):
        read_public_test(tmp_path)


def test_read_public_test_file_that_is_no_xz_is_refused(tmp_path):
    write_data(tmp_path, TEST, TEST, [0])
    (tmp_path / "test.csv.xz").write_bytes(b"pixels\n")
    with pytest.raises(DataError, match=r"test\.csv\.xz: can't be read: Input format not supported"):
        read_public_test(tmp_path)


def test_read_public_test_cut_off_file_is_refused(tmp_path):
    write_data(tmp_path, TEST, TEST, [0] * 5)
    path = tmp_path / "test.csv.xz"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"test\.csv\.xz: can't be read: Compressed file ended"):
        read_public_test(tmp_path)


def test_read_public_test_bad_row_is_refused_rather_than_skipped(tmp_path):
    write_data(tmp_path, TEST, TEST, [0, 0])
    with lzma.open(tmp_path / "test.csv.xz", "wt") as file:
        file.write('pixels\n"1 2 3"\n')
    with pytest.raises(DataError, match=r"test\.csv\.xz, line 2: .*; give the competition's file unchanged$"):
        read_public_test(tmp_path)


@pytest.mark.parametrize(("text", "found"), [("emotion\n0\n7\n", "line 3: .*'7'"), ("emotion\nhappy\n", "line 2")])
def test_read_public_test_bad_label_names_its_line(tmp_path, text, found):
    write_data(tmp_path, TEST, TEST, [0])
    (tmp_path / "public_test_labels.csv").write_text(text, "utf-8")
    with pytest.raises(DataError, match=rf"public_test_labels\.csv, {found}"):
        read_public_test(tmp_path)


@pytest.mark.parametrize("text", ["", "emotion\n", "label\n0\n"])
def test_read_public_test_labels_of_another_form_are_refused(tmp_path, text):
    write_data(tmp_path, TEST, TEST, [0])
    (tmp_path / "public_test_labels.csv").write_text(text, "utf-8")
    with pytest.raises(DataError, match=r"public_test_labels\.csv: expected a line `emotion`"):
        read_public_test(tmp_path)
