import base64
import bz2
import gzip
import io
import json
import lzma
import os
import re
import sys
import tarfile
import zipfile
from types import SimpleNamespace

import pyarrow
import pytest
from PIL import Image
from predictor_double import read_numbers
from pyarrow import parquet

from fer_tfx.commands.inputs import open_inputs, open_rows
from fer_tfx.errors import ConfigError, DataError

CSV = ("pixels\n" + " ".join(["9"] * 2304) + "\n").encode()


def encode(form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (48, 48), 7).save(buffer, form)
    return buffer.getvalue()


def pack_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("test.csv", CSV)
    return buffer.getvalue()


def pack_tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("test.csv")
        info.size = len(CSV)
        archive.addfile(info, io.BytesIO(CSV))
    return buffer.getvalue()


ROWS = {
    "plain": CSV, "header in capitals": b"emotion," + CSV.upper().replace(b"\n9", b"\n3,9"), "gz": gzip.compress(CSV),
    "xz": lzma.compress(CSV), "bz2": bz2.compress(CSV), "zip": pack_zip(), "tar": pack_tar(),
}  # fmt: skip
PICTURES = ["PNG", "JPEG", "GIF", "BMP"]


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch):
    """A function that puts bytes on standard input."""
    return lambda content: monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))


def count(*given: object) -> tuple[int, int]:
    """Numbers of pictures and of files of rows."""
    with open_inputs([str(each) for each in given]) as inputs:
        return len(inputs.pictures), len(inputs.rows)


@pytest.mark.parametrize("form", ROWS)
def test_open_inputs_rows_are_known_by_their_content(tmp_path, form):
    (tmp_path / "a").write_bytes(ROWS[form])
    with open_inputs([str(tmp_path / "a")]) as inputs:
        assert [number for _, number in read_numbers(inputs.rows[0].iter_items())] == [9]


@pytest.mark.parametrize("form", PICTURES)
@pytest.mark.parametrize("name", ["a", "a.csv", "a.gz"])
def test_open_inputs_pictures_are_known_by_their_content_whatever_their_name(tmp_path, form, name):
    (tmp_path / name).write_bytes(encode(form))
    assert count(tmp_path / name) == (1, 0)


@pytest.mark.parametrize(
    ("name", "expected"), [("a.csv", (0, 1)), ("a.CSV.XZ", (0, 1)), ("a.png", (1, 0)), ("a", (1, 0))]
)
def test_open_inputs_file_that_says_nothing_is_known_by_its_name(tmp_path, name, expected):
    assert count(tmp_path / name) == expected
    (tmp_path / name).touch()
    assert count(tmp_path / name) == expected


def test_open_inputs_files_and_folders_stay_in_the_given_order_with_repeats(tmp_path):
    (tmp_path / "folder").mkdir()
    for name in ("b.png", "folder/z.png", "folder/a.png"):
        (tmp_path / name).write_bytes(encode())
    given = ["b.png", "folder", "b.png"]
    with open_inputs([str(tmp_path / name) for name in given]) as inputs:
        found = [name.removeprefix(f"{tmp_path}/") for name in inputs.names]
    assert found == ["b.png", "folder/a.png", "folder/z.png", "b.png"]


def test_open_inputs_pictures_and_rows_in_one_call_are_refused(tmp_path):
    (tmp_path / "a.csv").write_bytes(CSV)
    (tmp_path / "a.png").write_bytes(encode())
    with pytest.raises(ConfigError) as caught:
        count(tmp_path / "a.png", tmp_path / "a.csv")
    assert str(caught.value) == f"{tmp_path}/a.csv holds rows and {tmp_path}/a.png is a picture; give them in two calls"


@pytest.mark.parametrize("form", ROWS)
def test_open_inputs_rows_on_standard_input_are_read_packed_or_not(feed, form):
    feed(ROWS[form])
    with open_inputs(["-"]) as inputs:
        assert [number for _, number in read_numbers(inputs.rows[0].iter_items())] == [9]


@pytest.mark.parametrize(
    "header",
    [
        ",".join(["emotion", *(f"pixel{place}" for place in range(2304))]),
        ";".join(f"pixel_{place}" for place in range(1, 2305)),
        ",".join(map(str, range(2304))),
    ],
)
def test_open_inputs_table_with_a_column_a_pixel_is_known_without_a_name(feed, tmp_path, header):
    content = f"{header}\n{re.sub(r'[^,;]+', '9', header)}\n".encode()
    feed(content)
    with open_inputs(["-"]) as inputs:
        assert [number for _, number in read_numbers(inputs.rows[0].iter_items())] == [9]
    (tmp_path / "wide.txt").write_bytes(content)
    assert count(tmp_path / "wide.txt") == (0, 1)


def test_open_inputs_table_of_paths_on_standard_input_is_read_beside_the_current_folder(feed, tmp_path, monkeypatch):
    (tmp_path / "1.png").write_bytes(encode())
    monkeypatch.chdir(tmp_path)
    feed(b"path,label\n1.png,happy\n")
    with open_inputs(["-"]) as inputs:
        assert [number for _, number in read_numbers(inputs.rows[0].iter_items())] == [7]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (CSV.decode().encode("utf-16"), "is text in UTF-16"),
        (CSV.partition(b"\n")[2], "no column `pixels`"),
        (b"0," + CSV.partition(b"\n")[2], "no column `pixels`"),
    ],
)
def test_open_inputs_table_that_cannot_be_read_is_not_called_a_picture(feed, content, said):
    feed(content)
    with open_inputs(["-"]) as inputs, pytest.raises(DataError, match=f"^standard input.*{said}"):
        list(inputs.rows[0].iter_items())


def test_open_inputs_plain_picture_of_numbers_is_no_table(feed):
    feed(b"P2 48 48 255 " + b"9 " * 2304)
    with open_inputs(["-"]) as inputs:
        assert len(inputs.pictures) == 1


def pack_photos(*sizes: tuple[int, int]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for place, size in enumerate(sizes):
            photo = io.BytesIO()
            Image.new("L", size, 7).save(photo, "PNG")
            archive.writestr(f"{place}.png", photo.getvalue())
    return buffer.getvalue()


def test_open_inputs_photos_in_an_archive_are_no_faces_unless_the_caller_says_so(tmp_path):
    path = tmp_path / "photos.zip"
    path.write_bytes(pack_photos((64, 64), (65, 20)))
    with open_inputs([str(path)]) as inputs, pytest.raises(DataError) as caught:
        list(inputs.rows[0].iter_items())
    assert "/1.png: larger than a face that is cut out: 65x20, expected at most 64 on each side; " in str(caught.value)
    assert str(caught.value).endswith("or take each picture for one by --whole")
    with open_inputs([str(path)], are_whole=True) as inputs:
        assert [number for _, number in read_numbers(inputs.rows[0].iter_items())] == [7, 7]


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_open_inputs_photos_that_a_table_names_or_holds_are_no_faces_unless_the_caller_says_so(tmp_path, form):
    photo = io.BytesIO()
    Image.new("L", (65, 20), 7).save(photo, "PNG")
    (tmp_path / "1.png").write_bytes(photo.getvalue())
    path = tmp_path / f"a.{form}"
    if form == "parquet":
        parquet.write_table(pyarrow.table({"image": [photo.getvalue()]}), path)
    elif form == "jsonl":
        path.write_text(json.dumps({"image": {"bytes": base64.b64encode(photo.getvalue()).decode()}}))
    else:
        path.write_text("path,label\n1.png,happy\n")
    with open_inputs([str(path)]) as inputs, pytest.raises(DataError) as caught:
        list(inputs.rows[0].iter_items())
    assert "65x20, expected at most 64 on each side; give the pictures themselves, which are" in str(caught.value)
    with open_inputs([str(path)], are_whole=True) as inputs:
        assert [number for _, number in read_numbers(inputs.rows[0].iter_items())] == [7]


@pytest.mark.parametrize("name", ["a.csv", "a.png", "a"])
def test_open_inputs_pipe_is_refused_without_waiting_for_its_writer(tmp_path, name):
    os.mkfifo(tmp_path / name)
    expected = rf"{name}: is a pipe or device; give the file, or its content as standard input \(`-`\)$"
    with pytest.raises(DataError, match=expected), open_inputs([str(tmp_path / name)]):
        pass
    with pytest.raises(DataError, match=expected):
        open_rows(str(tmp_path / name))


def test_open_inputs_picture_on_standard_input_is_kept_whole(feed):
    feed(encode() + bytes(3000))
    with open_inputs(["-"]) as inputs:
        (picture,) = inputs.pictures
    assert (picture.name, picture.read()) == ("standard input", encode() + bytes(3000))


@pytest.mark.parametrize("given", [["-", "-"], ["-", "a.png", "-"]])
def test_open_inputs_standard_input_given_twice_is_refused(feed, given):
    feed(encode() * 2)
    with pytest.raises(ConfigError, match="`-` is given twice, and standard input can be read only once"):
        count(*given)


def test_open_inputs_empty_standard_input_is_one_line(feed):
    feed(b"")
    with pytest.raises(DataError, match=r"^standard input: is empty; give a picture, a video or a CSV$"):
        count("-")


def test_iter_items_missing_csv_is_named(tmp_path):
    path = tmp_path / "none.csv"
    with open_inputs([str(path)]) as inputs, pytest.raises(DataError) as caught:
        list(inputs.rows[0].iter_items())
    assert str(caught.value) == f"{path}: no such file; check the path"
