"""A data set cut, or filled up, to a number of rows: the CSV that every way reads."""

from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import NamedTuple

from fer_tfx.contract import LABEL_KEY, PIXEL_COUNT, PIXELS_KEY
from fer_tfx.errors import DataError
from fer_tfx.reading.csv_rows import ParsedRow
from fer_tfx.reading.limits import ReadingLimits
from fer_tfx.reading.sources import Source, read_source
from schema.drawn_faces import draw_faces

_TEXT_OF_VALUE = [str(value) for value in range(256)]


class Face(NamedTuple):
    """One labelled row."""

    class_index: int
    pixels: bytes


def draw_samples(count: int = 10_000) -> list[Face]:
    """Faces, the same each time."""
    drawn = draw_faces(count, seed=0)
    return [Face(int(index), face.tobytes()) for index, face in zip(drawn.class_indices, drawn.pixels, strict=True)]


def read_faces(path: Path) -> list[Face]:
    """All labelled rows of a CSV or an archive of one. Raises DataError if there are none."""
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


def write_sample(faces: list[Face], row_count: int, path: Path) -> Path:
    """Write that many rows, filled up as by `extend`, as a CSV `emotion,pixels`."""
    with path.open("w", encoding="ascii") as csv:
        csv.write(f"{LABEL_KEY},{PIXELS_KEY}\n")
        for face in islice(extend(faces), row_count):
            csv.write(f"{face.class_index},{' '.join([_TEXT_OF_VALUE[value] for value in face.pixels])}\n")
    return path


def extend(faces: list[Face]) -> Iterator[Face]:
    """The faces, then the faces again and again with one pixel changed, another one each time.

    Unchanged repeats would be dropped by one way and kept by the others.
    """
    yield from faces
    for place in count():
        for class_index, pixels in faces:
            changed = bytearray(pixels)
            changed[place % PIXEL_COUNT] ^= 1
            yield Face(class_index, bytes(changed))
