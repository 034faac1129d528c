"""One table in the dialects that people have gives the same rows, as a whole and in parts; so do its sisters."""

import io
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.reading.form import FaceRow, Item, ParsedRow, ReadingLimits, RejectedRow, Remark
from fer_tfx.reading.sources import Source, count_part, cut_source, place, read_part, read_source
from fer_tfx.reading.words import ClassTable

CLASSES = ClassTable.build(DEFAULT_CLASS_NAMES, {})

WORDS = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}
SPELT = {"Training": "TRAIN", "PublicTest": "public_test", "PrivateTest": "Private-test"}
SPLITS = {"Training": "train", "PublicTest": "eval", "PrivateTest": "test"}
PIXELS = np.random.default_rng(22).integers(0, 256, (21, 2304), np.uint8)
ROWS = [(place % 7, PIXELS[place], [*WORDS][place // 7]) for place in range(21)]
FACES = [FaceRow(label, pixels.tobytes(), SPLITS[usage]) for label, pixels, usage in ROWS]
TO_PREDICT = [FaceRow(None, pixels.tobytes(), None) for _, pixels, _ in ROWS]
CAPITALS = ["Anger", "Disgust", "Fear", "Happiness", "Sadness", "Surprise", "Neutral"]


def joined(pixels: np.ndarray, by: str = " ") -> str:
    return by.join(map(str, pixels))


def table(header: str, line: Callable[[int, np.ndarray, str], str]) -> bytes:
    return "\n".join([header, *(line(*row) for row in ROWS), ""]).encode()


DIALECTS = {
    "FER2013's": table("emotion,pixels,Usage", lambda e, p, u: f"{e},{joined(p)},{u}"),
    "semicolons": table("emotion;pixels;Usage", lambda e, p, u: f"{e};{joined(p)};{u}"),
    "semicolons and quotes": table('"emotion";"pixels";"Usage"', lambda e, p, u: f'"{e}";"{joined(p)}";"{u}"'),
    "tabs": table("emotion\tpixels\tUsage", lambda e, p, u: f"{e}\t{joined(p)}\t{u}"),
    "names": table("emotion,pixels,Usage", lambda e, p, u: f"{DEFAULT_CLASS_NAMES[e].capitalize()},{joined(p)},{u}"),
    "aliases": table("emotion;pixels;Usage", lambda e, p, u: f"{CAPITALS[e]};{joined(p)};{u}"),
    "bars": table("emotion|pixels|subset", lambda e, p, u: f"{e}|{joined(p)}|{WORDS[u]} set"),
    "pixels as floats": table("emotion,pixels,Usage", lambda e, p, u: f"{e},{joined(p, '.0 ')}.,{u}"),
    "a tuple of pixels": table("emotion,pixels,phase", lambda e, p, u: f'{e},"({joined(p, ", ")})",{WORDS[u]}'),
    "floats": table("emotion,pixels,Usage", lambda e, p, u: f"{e}.0,{joined(p)},{u}"),
    "label and an index": table(
        ",label,pixels,Usage", lambda e, p, u: f"{sum(p)},{e},{joined(p)},{u}"
    ),
    "brackets": table("emotion,pixels,Usage", lambda e, p, u: f'{e},"[{joined(p, ", ")}]",{u}'),
    "brackets and semicolons": table("emotion;pixels;Usage", lambda e, p, u: f"{e};[{joined(p, ', ')}];{u}"),
    "commas in quotes": table("emotion,pixels,Usage", lambda e, p, u: f'{e},"{joined(p, ",")}",{u}'),
    "a column a pixel": table(
        "emotion,Usage," + ",".join(f"pixel{place}" for place in range(2304)),
        lambda e, p, u: f"{e},{u},{joined(p, ',')}",
    ),
    "a column a pixel, before the label": table(
        ";".join(map(str, range(1, 2305))) + ";label;set", lambda e, p, u: f"{joined(p, ';')};{e};{WORDS[u]}"
    ),
    "words with spaces and lines": table(
        "Class Name;pixels;SPLIT", lambda e, p, u: f"{CAPITALS[e]};{joined(p)};{SPELT[u]}"
    ),
    "a split's column of two words": table("emotion,pixels,Data Split", lambda e, p, u: f"{e},{joined(p)},{u}"),
    "a column called after sets": table("emotion,pixels,Set_Type", lambda e, p, u: f"{e},{joined(p)},{u}"),
    "other words": table("label,pixels,split", lambda e, p, u: f"{e},{joined(p)},{WORDS[u]}"),
}  # fmt: skip


def read(content: bytes, is_unlabelled: bool = False) -> list[Item]:
    source = Source("t.csv", "t.csv", is_unlabelled)
    return list(read_source(source, io.BytesIO(content), ReadingLimits(), CLASSES))  # type: ignore[arg-type]


def read_in_parts(content: bytes, limits: ReadingLimits) -> Iterator[Item]:
    source = Source("t.csv", "t.csv", False)
    ranges = cut_source(source, io.BytesIO(content), limits)
    counted = [(each, count_part(source, io.BytesIO(content), each, limits)) for each in ranges]
    for part in place(counted):
        yield from read_part(source, io.BytesIO(content), part, limits, CLASSES)


@pytest.mark.parametrize("content", DIALECTS.values(), ids=DIALECTS)
def test_table_in_another_dialect_gives_the_same_rows_whole_in_parts_and_to_predict(content: bytes) -> None:
    rows = [each for each in read(content) if not isinstance(each, Remark)]
    assert rows == [ParsedRow("t.csv", place, place + 2, face) for place, face in enumerate(FACES)]
    in_parts = list(read_in_parts(content, ReadingLimits(part_bytes=len(content) // 3)))
    assert [each for each in in_parts if not isinstance(each, Remark)] == rows
    assert {each for each in in_parts if isinstance(each, Remark)} == {
        each for each in read(content) if isinstance(each, Remark)
    }
    assert [each.face for each in read(content, is_unlabelled=True) if isinstance(each, ParsedRow)] == TO_PREDICT


@pytest.mark.parametrize("blank", ["", "NaN", "null"])
def test_table_without_the_labels_of_its_held_out_rows_is_used_whole_and_to_predict(blank: str) -> None:
    content = table("emotion,pixels,Usage", lambda e, p, u: f"{e if u == 'Training' else blank},{joined(p)},{u}")
    assert [each.face for each in read(content) if isinstance(each, ParsedRow)] == [
        face if face.usage == "train" else FaceRow(None, face.pixels, face.usage) for face in FACES
    ]
    assert [each.face for each in read(content, is_unlabelled=True) if isinstance(each, ParsedRow)] == TO_PREDICT


def test_table_whose_training_rows_lack_labels_has_them_rejected() -> None:
    content = table("emotion,pixels,Usage", lambda e, p, u: f",{joined(p)},{u}")
    assert [each.reason for each in read(content) if isinstance(each, RejectedRow)] == ["unknown label"] * 7
