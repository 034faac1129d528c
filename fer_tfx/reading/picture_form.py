"""A picture in a folder named after its class -> one row."""

from collections.abc import Iterator
from functools import cached_property, lru_cache
from typing import BinaryIO

from fer_tfx.errors import DataError
from fer_tfx.pictures import list_picture_suffixes, open_upright, read_bounded, to_pixels
from fer_tfx.reading.columns import RowError
from fer_tfx.reading.form import FaceRow, Item, LeftOutRow, ParsedRow, ReadingLimits, RejectedRow, shown
from fer_tfx.reading.words import ClassTable, LeftOut, find_split

NO_CLASS = "no folder named after a class"
UNREADABLE = "unreadable picture"
NO_CROP = "larger than a face that is cut out"


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
            yield ParsedRow(name, 0, 0, FaceRow(class_index, read_pixels(stream, limits.max_crop_px), split))
        except RowError as error:
            yield RejectedRow(name, 0, 0, error.reason, error.detail, "")


PICTURES = PictureForm()


def read_pixels(stream: BinaryIO, max_side_px: int | None = None) -> bytes:
    """The picture in a file as 2,304 uint8 values. Raises RowError, also for one that is larger."""
    try:
        content = read_bounded(stream, "")
    except DataError as error:
        raise RowError(UNREADABLE, str(error).removeprefix(": ")) from error
    return decode_content(content, max_side_px)


def decode_content(content: bytes, max_side_px: int | None = None) -> bytes:
    """The same of the bytes of a file."""
    try:
        picture = open_upright(content, "")
    except DataError as error:
        raise RowError(UNREADABLE, str(error).removeprefix(": ")) from error
    if max_side_px and max(picture.size) > max_side_px:
        raise RowError(NO_CROP, f"{picture.width}x{picture.height}, expected at most {max_side_px} on each side")
    return to_pixels(picture).tobytes()


@lru_cache(maxsize=10_000)
def find_place(folder: str, classes: ClassTable) -> tuple[int | LeftOut | None, str | None]:
    """Class and split that a folder's path names, `train/angry` or `angry/train`; of several the last counts."""
    meanings = map(classes.find, _parts_from_last(folder))
    return next((each for each in meanings if each is not None), None), find_split_of_folder(folder)


@lru_cache(maxsize=10_000)
def find_split_of_folder(folder: str) -> str | None:
    """The split that a folder's path names; of several the last counts."""
    return next(filter(None, map(find_split, _parts_from_last(folder))), None)


def _parts_from_last(folder: str) -> list[bytes]:
    return [part.encode("utf-8", "surrogateescape") for part in reversed(folder.split("/"))]
