"""The data set cut, or filled up, to a number of rows: the one CSV that every way gets."""

from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import NamedTuple

from fer_tfx.contract import LABEL_KEY, PIXEL_COUNT, PIXELS_KEY
from fer_tfx.errors import DataError
from fer_tfx.reading.form import ParsedRow, ReadingLimits
from fer_tfx.reading.sources import Source, read_source

_TEXT_OF_VALUE = [str(value) for value in range(256)]


class Face(NamedTuple):
    """One labelled row."""

    class_index: int
    pixels: bytes


def read_faces(path: Path) -> list[Face]:
    """All labelled rows of a CSV or an archive of one.

    Raises:
        DataError: the file is missing, can't be read or holds no labelled row.
    """
    try:
        with path.open("rb") as stream:
            items = read_source(Source(str(path), path.name, is_unlabelled=False), stream, ReadingLimits())
            rows = [item.face for item in items if isinstance(item, ParsedRow)]
    except OSError as error:
        raise DataError(f"{path}: can't be read: {error.strerror}; give the FER2013 CSV or an archive of it") from None
    faces = [Face(row.class_index, row.pixels) for row in rows if row.class_index is not None]
    if not faces:
        raise DataError(f"{path}: no labelled row in it; give a file with an `emotion` column")
    return faces


def write_sample(faces: list[Face], row_count: int, path: Path, skipped: int = 0) -> None:
    """Write the `row_count` rows behind `skipped`, filled up as by `extend`, as a plain CSV `emotion,pixels`."""
    with path.open("w", encoding="ascii") as csv:
        csv.write(f"{LABEL_KEY},{PIXELS_KEY}\n")
        for face in islice(extend(faces), skipped, skipped + row_count):
            pixels = " ".join([_TEXT_OF_VALUE[value] for value in face.pixels])
            csv.write(f"{face.class_index},{pixels}\n")


def extend(faces: list[Face]) -> Iterator[Face]:
    """The rows, and then for ever the rows again with one pixel changed, each time another one.

    Without the change the repeats would be dropped by one way and kept by the others.
    """
    yield from faces
    for place in count():
        for face in faces:
            yield Face(face.class_index, _change_pixel(face.pixels, place % PIXEL_COUNT))


def _change_pixel(pixels: bytes, place: int) -> bytes:
    return pixels[:place] + bytes([pixels[place] ^ 1]) + pixels[place + 1 :]
