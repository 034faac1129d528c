"""A new form of input is one object with three members, listed in FORMS: here the one of docs/extending.md."""

import base64
import io
import json
import zipfile

import pytest
from documents import ROOT, list_snippets, run_python

from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.errors import DataError
from fer_tfx.reading import forms
from fer_tfx.reading.csv_form import CSV
from fer_tfx.reading.form import FaceRow, LeftOutRow, ParsedRow, ReadingLimits, RejectedRow, SkippedMember
from fer_tfx.reading.sources import Source, choose_sources, cut_source, read_source
from fer_tfx.reading.words import ClassTable

CLASSES = ClassTable.build(DEFAULT_CLASS_NAMES, {"contempt": "leave_out"})
(EXAMPLE,) = (each for each in list_snippets(ROOT / "docs" / "extending.md") if "class JsonForm" in each.text)
IMPORTS = """
import base64, json
from collections.abc import Iterator
from typing import BinaryIO
from fer_tfx.reading.form import FaceRow, Item, LeftOutRow, ParsedRow, ReadingLimits, RejectedRow
from fer_tfx.reading.words import ClassTable, LeftOut
"""
JsonForm = run_python(IMPORTS, EXAMPLE.text)["JsonForm"]


@pytest.fixture(autouse=True)
def json_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "FORMS", (JsonForm(), CSV))


def make_line(label: str, value: int) -> bytes:
    return json.dumps({"label": label, "pixels": base64.b64encode(bytes([value] * 2304)).decode()}).encode() + b"\n"


def test_folder_of_a_new_form_is_chosen_and_read_file_by_file() -> None:
    sources, skipped = choose_sources(["/d/a.jsonl", "/d/b.jsonl", "/d/notes.txt"], "/d", CLASSES)
    assert skipped == [SkippedMember("notes.txt", "no table, picture or archive by its name")]
    assert [source.name for source in sources] == ["a.jsonl", "b.jsonl"]
    content = make_line("happy", 9) + make_line("crowd", 8) + make_line("contempt", 7)
    assert [*read_source(sources[0], io.BytesIO(content), ReadingLimits(), CLASSES)] == [
        ParsedRow("a.jsonl", 0, 1, FaceRow(3, bytes([9] * 2304), None)),
        RejectedRow("a.jsonl", 1, 2, "unknown label", "crowd", ""),
        LeftOutRow("a.jsonl", 2, 3, "contempt"),
    ]
    to_predict = Source("a/b.jsonl", "b.jsonl", True)
    assert [*read_source(to_predict, io.BytesIO(make_line("crowd", 9)), ReadingLimits(), CLASSES)] == [
        ParsedRow("b.jsonl", 0, 1, FaceRow(None, bytes([9] * 2304), None))
    ]
    assert cut_source(sources[0], io.BytesIO(content), ReadingLimits(part_bytes=10)) == []


def test_archive_of_a_new_form_beside_a_csv_gives_rows_of_both() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.jsonl", make_line("happy", 1))
        archive.writestr("a.csv", b"pixels\n1 2\n")
    stream.seek(0)
    first, *others = read_source(Source("z.zip", "z.zip", False), stream, ReadingLimits(), CLASSES)
    assert first == ParsedRow("z.zip/a.jsonl", 0, 1, FaceRow(3, bytes([1] * 2304), None))
    assert [each.reason for each in others if isinstance(each, RejectedRow)] == ["wrong number of pixels"]


def test_file_that_no_form_recognises_is_refused_by_the_last_one() -> None:
    with pytest.raises(DataError, match=r"^a\.bin, line 1: found no column `pixels`"):
        list(read_source(Source("a.bin", "a.bin", False), io.BytesIO(b"BIN\n"), ReadingLimits(), CLASSES))
