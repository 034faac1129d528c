"""A new form of input is one object with three members, listed in FORMS: here a folder of pictures for each class."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from PIL import Image

from fer_tfx.contract import CLASS_NAMES
from fer_tfx.errors import DataError
from fer_tfx.pictures import decode_picture
from fer_tfx.reading import forms
from fer_tfx.reading.csv_form import CSV
from fer_tfx.reading.form import FaceRow, Item, ParsedRow, ReadingLimits, RejectedRow, SkippedMember
from fer_tfx.reading.sources import Source, choose_sources, cut_source, read_source


class PictureForm:
    """A picture is one row, and its folder's name is its class."""

    suffixes = (".png",)

    def recognises(self, head: bytes, name: str) -> bool:
        return head.startswith(b"\x89PNG")

    def read(self, stream: BinaryIO, name: str, limits: ReadingLimits, is_unlabelled: bool = False) -> Iterator[Item]:
        folder = Path(name).parent.name
        pixels = decode_picture(stream.read(), name).tobytes()
        if is_unlabelled:
            yield ParsedRow(name, 0, 1, FaceRow(None, pixels, None))
        elif folder in CLASS_NAMES:
            yield ParsedRow(name, 0, 1, FaceRow(CLASS_NAMES.index(folder), pixels, None))
        else:
            yield RejectedRow(name, 0, 1, "unknown folder", folder, "")


@pytest.fixture(autouse=True)
def picture_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "FORMS", (PictureForm(), CSV))


def make_png(value: int) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (48, 48), value).save(stream, "PNG")
    return stream.getvalue()


def test_folder_of_a_new_form_is_chosen_and_read_file_by_file() -> None:
    sources, skipped = choose_sources(["/d/happy/1.png", "/d/sad/2.png", "/d/notes.txt"], "/d", is_unlabelled=False)
    assert skipped == [SkippedMember("notes.txt", "neither a CSV nor an archive by its name")]
    assert [source.name for source in sources] == ["happy/1.png", "sad/2.png"]
    rows = [row for each in sources for row in read_source(each, io.BytesIO(make_png(9)), ReadingLimits())]
    assert rows == [
        ParsedRow("happy/1.png", 0, 1, FaceRow(3, bytes([9] * 2304), None)),
        ParsedRow("sad/2.png", 0, 1, FaceRow(4, bytes([9] * 2304), None)),
    ]
    to_predict = Source("a/crowd/2.png", "crowd/2.png", True)
    assert [*read_source(to_predict, io.BytesIO(make_png(9)), ReadingLimits())] == [
        ParsedRow("crowd/2.png", 0, 1, FaceRow(None, bytes([9] * 2304), None))
    ]
    assert cut_source(sources[0], io.BytesIO(make_png(9)), ReadingLimits(part_bytes=10)) == []


def test_archive_of_a_new_form_beside_a_csv_gives_rows_of_both() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in {
            "happy/1.png": make_png(1), "crowd/2.png": make_png(2), "a.csv": b"pixels\n1 2\n",
        }.items():  # fmt: skip
            archive.writestr(name, content)
    stream.seek(0)
    first, *others = read_source(Source("z.zip", "z.zip", False), stream, ReadingLimits())
    assert first == ParsedRow("z.zip/happy/1.png", 0, 1, FaceRow(3, bytes([1] * 2304), None))
    assert [each.reason for each in others if isinstance(each, RejectedRow)] == [
        "unknown folder", "wrong number of pixels",
    ]  # fmt: skip


def test_file_that_no_form_recognises_is_refused_by_the_last_one() -> None:
    with pytest.raises(DataError, match=r"^a\.bin, line 1: found no column `pixels`"):
        list(read_source(Source("a.bin", "a.bin", False), io.BytesIO(b"BIN\n"), ReadingLimits()))
