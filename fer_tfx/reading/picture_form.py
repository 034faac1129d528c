"""A picture in a folder named after its class -> one row."""

from collections.abc import Iterator
from functools import cached_property, lru_cache
from typing import BinaryIO

from fer_tfx.errors import DataError
from fer_tfx.pictures import decode_picture, list_picture_suffixes, read_bounded
from fer_tfx.reading.columns import RowError
from fer_tfx.reading.form import FaceRow, Item, LeftOutRow, ParsedRow, ReadingLimits, RejectedRow, shown
from fer_tfx.reading.words import ClassTable, LeftOut, find_split

NO_CLASS = "no folder named after a class"
UNREADABLE = "unreadable picture"


class PictureForm:
    """Any file that Pillow reads, known by its name; made grey 48x48 as `fer-tfx predict` and `serve_images` do."""

    @cached_property
    def suffixes(self) -> tuple[str, ...]:
        return tuple(sorted(list_picture_suffixes()))

    @cached_property
    def _suffix_set(self) -> frozenset[str]:
        return frozenset(self.suffixes)

    def recognises(self, head: bytes, name: str) -> bool:
        return f".{name.rpartition('.')[2].lower()}" in self._suffix_set

    def read(self, stream: BinaryIO, name: str, limits: ReadingLimits, classes: ClassTable | None) -> Iterator[Item]:
        folder = name.rpartition("/")[0]
        class_index, split = find_place(folder, classes) if classes else (None, None)
        if isinstance(class_index, LeftOut):
            yield LeftOutRow(name, 0, 0, class_index.word)
            return
        if class_index is None and classes:
            detail = f"found {shown(folder.encode())!r}, expected a folder such as `happy` or `train/happy`"
            yield RejectedRow(name, 0, 0, NO_CLASS, detail, "")
            return
        try:
            yield ParsedRow(name, 0, 0, FaceRow(class_index, read_pixels(stream), split))
        except RowError as error:
            yield RejectedRow(name, 0, 0, error.reason, error.detail, "")


PICTURES = PictureForm()


def read_pixels(stream: BinaryIO) -> bytes:
    """The picture in a file as 2,304 uint8 values. Raises RowError."""
    try:
        return decode_content(read_bounded(stream, ""))
    except DataError as error:
        raise RowError(UNREADABLE, str(error).removeprefix(": ")) from error


def decode_content(content: bytes) -> bytes:
    """The same of the bytes of a file."""
    try:
        return decode_picture(content, "").tobytes()
    except DataError as error:
        raise RowError(UNREADABLE, str(error).removeprefix(": ")) from error


@lru_cache(maxsize=10_000)
def find_place(folder: str, classes: ClassTable) -> tuple[int | LeftOut | None, str | None]:
    """Class and split that a folder's path names, `train/angry` or `angry/train`; of several the last counts."""
    parts = [part.encode("utf-8", "surrogateescape") for part in reversed(folder.split("/"))]
    meanings = map(classes.find, parts)
    splits = map(find_split, parts)
    return next((each for each in meanings if each is not None), None), next(filter(None, splits), None)
