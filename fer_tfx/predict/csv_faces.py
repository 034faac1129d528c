"""The rows of a CSV, in any form FER2013 is found in, in the file's order."""

from collections.abc import Iterable, Iterator
from typing import BinaryIO

import numpy as np

from fer_tfx.contract import IMAGE_SHAPE
from fer_tfx.errors import DataError
from fer_tfx.pictures import in_one_line
from fer_tfx.predict.subjects import Item, Subject
from fer_tfx.reading.form import ParsedRow, ReadingLimits, RejectedRow
from fer_tfx.reading.sources import Source, read_source


def iter_rows_of(stream: BinaryIO, name: str) -> Iterator[Item]:
    """Yield the rows of an opened CSV, or of an archive of one; labels are passed over.

    Unlike ingestion, which sets broken rows aside, this stops: a row left out would shift all that follow.

    Args:
        stream: at its start; of a zip, seekable.
        name: what to call the file in messages.

    Raises:
        DataError: the file can't be read, holds no row, or a row is broken.
    """
    place = 0
    try:
        for row in _require_sound(read_source(Source(name, name, True), stream, ReadingLimits())):
            pixels = np.frombuffer(row.face.pixels, np.uint8).reshape(IMAGE_SHAPE)
            yield Item(Subject(row.source, place), pixels)
            place += 1
    except OSError as error:
        raise DataError(
            f"{in_one_line(name)}: can't be read: {error.strerror}; give a FER2013 CSV or an archive of it"
        ) from None
    if place == 0:
        raise DataError(f"{in_one_line(name)}: no row in it; give a file with a picture in each line below its header")


def _require_sound(items: Iterable[object]) -> Iterator[ParsedRow]:
    for item in items:
        if isinstance(item, RejectedRow):
            raise DataError(f"{item.source}, line {item.line}: {item.reason}: {item.detail}; mend or remove this row")
        if isinstance(item, ParsedRow):
            yield item
