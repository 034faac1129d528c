"""The competition's files, written small."""

import hashlib
import lzma

import numpy as np
import pytest
from evaluation_doubles import draw_pixels, write_data

from benchmarks.model.fer2013 import label_by_votes, read_public_test, read_strict_rows
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.errors import DataError

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


def test_label_by_votes_keeps_rows_of_public_test_with_a_majority_for_a_class(tmp_path):
    head = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
    test = read_public_test(write_data(tmp_path, TEST[2:3], TEST, [0] * 4))
    votes = tmp_path / "fer2013new.csv"
    lines = ["PublicTest,,0,0,0,0,0,0,0,8,2,0", "PublicTest,,0,5,5,0,0,0,0,0,0,0", "PublicTest,,0,9,1,0,0,0,0,0,0,0",
             "PublicTest,,0,0,0,0,0,0,0,0,0,10"]  # fmt: skip
    votes.write_text("\n".join([head, "Training,,10,0,0,0,0,0,0,0,0,0", *lines, ""]))
    labelled = label_by_votes(test, votes, (*DEFAULT_CLASS_NAMES, "contempt"))
    assert labelled.class_indices.tolist() == [7, 3]
    assert (labelled.pixels == TEST[[0, 2]]).all()
    assert labelled.is_clean.tolist() == [True, False]
    assert label_by_votes(test, votes, DEFAULT_CLASS_NAMES).class_indices.tolist() == [3]
    votes.write_text("\n".join([head, *lines[:3], ""]))
    with pytest.raises(DataError, match=r"fer2013new\.csv: 3 rows of PublicTest, expected 4"):
        label_by_votes(test, votes, DEFAULT_CLASS_NAMES)


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


def test_read_strict_rows_first_of_equal_pictures_stays_and_those_of_the_test_file_go(tmp_path):
    one, two, three = draw_pixels([0, 1, 2], 90)
    folder = write_data(tmp_path, np.stack([one, two, one, three, TEST[4]]), TEST, [0], [3, 1, 4, 5, 6])
    rows, digests = read_strict_rows(folder)
    found = {digest: (label, picture) for picture, label, digest in zip(*rows, digests, strict=True)}
    assert len(rows.pixels) == len(found) == 3
    for label, picture in ((3, one), (1, two), (5, three)):
        assert found[hashlib.sha256(picture.tobytes()).digest()][0] == label
        assert (found[hashlib.sha256(picture.tobytes()).digest()][1] == picture).all()


def test_read_strict_rows_order_of_the_file_does_not_matter(tmp_path):
    train = draw_pixels(range(9), 90)
    first, digests = read_strict_rows(write_data(tmp_path / "a", train, TEST, [0], [k % 7 for k in range(9)]))
    turned, same_digests = read_strict_rows(
        write_data(tmp_path / "b", train[::-1], TEST, [0], [k % 7 for k in range(9)][::-1])
    )
    assert digests == same_digests == sorted(digests)
    assert (first.pixels == turned.pixels).all()
    assert first.class_indices.tolist() == turned.class_indices.tolist()


def test_read_strict_rows_needs_no_label_of_the_test(tmp_path):
    folder = write_data(tmp_path, draw_pixels([0, 1], 90), TEST, [0])
    (folder / "public_test_labels.csv").unlink()
    assert len(read_strict_rows(folder)[1]) == 2


def test_read_strict_rows_training_file_of_the_test_pictures_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"train\.csv\.xz: each of its pictures is also in test\.csv\.xz; give"):
        read_strict_rows(write_data(tmp_path, TEST[:2], TEST, [0]))


def test_read_strict_rows_training_rows_without_labels_are_refused(tmp_path):
    write_data(tmp_path, TEST[:2], TEST, [0])
    (tmp_path / "train.csv.xz").write_bytes((tmp_path / "test.csv.xz").read_bytes())
    with pytest.raises(DataError, match=r"train\.csv\.xz, line 2: no label; give the competition's file unchanged$"):
        read_strict_rows(tmp_path)
