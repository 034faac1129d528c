"""A data set cut, or filled up, to a number of rows: the CSV that every way reads."""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.harness.command import tell
from benchmarks.harness.measure import Cost, measure
from fer_tfx.contract import LABEL_KEY, PIXEL_COUNT, PIXELS_KEY
from fer_tfx.errors import DataError
from fer_tfx.reading.form import ParsedRow, ReadingLimits
from fer_tfx.reading.sources import Source, read_source
from schema.drawn_faces import draw_faces

Face = tuple[int, bytes]  # class index and pixels


def draw_samples(count: int = 10_000) -> list[Face]:
    """Faces, the same each time."""
    drawn = draw_faces(count, seed=0)
    return [(int(index), face.tobytes()) for index, face in zip(drawn.class_indices, drawn.pixels, strict=True)]


def read_faces(path: Path) -> list[Face]:
    """All labelled rows of a CSV or an archive of one. Raises DataError if there are none."""
    try:
        with path.open("rb") as stream:
            items = read_source(Source(str(path), path.name, is_unlabelled=False), stream, ReadingLimits())
            rows = [item.face for item in items if isinstance(item, ParsedRow)]
    except OSError as error:
        raise DataError(f"{path}: can't be read: {error.strerror}; give the FER2013 CSV or an archive of it") from None
    faces = [(row.class_index, row.pixels) for row in rows if row.class_index is not None]
    if not faces:
        raise DataError(f"{path}: no labelled row in it; give a file with an `emotion` column")
    return faces


def measure_ways(
    ways: dict[str, str], faces: list[Face], row_counts: Iterable[int], repeat_count: int
) -> dict[int, dict[str, Cost]]:
    """By number of rows, in order, then by name of the way; all ways read the same CSV, which is then removed."""
    costs = {}
    for count in sorted({*row_counts}):
        tell(f"{count:,} rows ...")
        with TemporaryDirectory(prefix="benchmark-rows-") as folder:
            sample = write_sample(faces, count, Path(folder, "faces.csv"))
            costs[count] = {name: measure(way, sample, repeat_count) for name, way in ways.items()}
    return costs


def write_sample(faces: list[Face], row_count: int, path: Path) -> Path:
    """Write the first `row_count` faces as a CSV `emotion,pixels`.

    After the last one they come again and again with one pixel changed, another one each time: unchanged repeats would
    be dropped by one way and kept by the others.
    """
    with path.open("w", encoding="ascii") as csv:
        csv.write(f"{LABEL_KEY},{PIXELS_KEY}\n")
        for number in range(row_count):
            repeat, place = divmod(number, len(faces))
            class_index, pixels = faces[place][0], bytearray(faces[place][1])
            if repeat:
                pixels[(repeat - 1) % PIXEL_COUNT] ^= 1
            csv.write(f"{class_index},{' '.join(map(str, pixels))}\n")
    return path
