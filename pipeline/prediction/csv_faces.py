"""The rows of a CSV, in any form FER2013 is found in -> predictions, in the file's order."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from components.face_example_gen.csv_rows import ParsedRow, RejectedRow
from components.face_example_gen.sources import Source, read_source
from configs.spec import DataConfig
from pipeline.prediction.predictor import Prediction, Predictor
from schema.contract import IMAGE_SHAPE
from schema.errors import DataError

_BATCH_ROWS = 128


def predict_csv(predictor: Predictor, path: Path) -> Iterator[tuple[int, Prediction]]:
    """Yield each row's position, from 0, with its answer; labels are passed over. Memory: one batch of rows.

    Raises:
        DataError: the file can't be read, holds no row, or a row is broken.
    """
    faces = read_faces(path)
    row = 0
    while batch := list(islice(faces, _BATCH_ROWS)):
        pixels = np.frombuffer(b"".join(batch), np.uint8).reshape(-1, *IMAGE_SHAPE)
        for prediction in predictor.predict_pixels(pixels):
            yield row, prediction
            row += 1
    if row == 0:
        raise DataError(f"{path}: no row in it; give a file with a picture in each line below its header")


def read_faces(path: Path) -> Iterator[bytes]:
    """Yield the pixels of each row, 2,304 bytes, as it stands in a CSV or an archive of one.

    Unlike ingestion, which sets broken rows aside, this stops: a row left out would shift all that follow.

    Raises:
        DataError: as `predict_csv`.
    """
    try:
        with path.open("rb") as stream:
            yield from _require_sound(read_source(Source(str(path), str(path), True), stream, DataConfig()))
    except OSError as error:
        raise DataError(f"{path}: can't be read: {error.strerror}; give a FER2013 CSV or an archive of it") from None


def _require_sound(items: Iterable[object]) -> Iterator[bytes]:
    for item in items:
        if isinstance(item, RejectedRow):
            raise DataError(f"{item.source}, line {item.line}: {item.reason}: {item.detail}; mend or remove this row")
        if isinstance(item, ParsedRow):
            yield item.face.pixels
