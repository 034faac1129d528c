"""Files and folders of pictures -> subjects with their pixels; a file is read when its turn comes."""

import os
from collections.abc import Iterator, Sequence

from fer_tfx.errors import DataError
from fer_tfx.pictures import decode_picture, in_one_line, read_picture_file
from fer_tfx.predict.subjects import Item, Subject

PICTURE_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")


class Picture:
    """A picture that is still to be read.

    Args:
        name: path, or what to call it.
        content: None: to be read from the file of this name.
    """

    def __init__(self, name: str, content: bytes | None = None) -> None:
        self.name = name
        self._content = content

    def read(self) -> bytes:
        """The bytes of the file. Raises DataError, as `fer_tfx.pictures.read_picture_file`."""
        return read_picture_file(self.name) if self._content is None else self._content


def iter_pictures(pictures: Sequence[Picture]) -> Iterator[Item]:
    """Yield each picture as a whole, in the given order.

    Raises:
        DataError: a file can't be read or is no picture.
    """
    for place, picture in enumerate(pictures):
        yield Item(Subject(picture.name, place), decode_picture(picture.read(), picture.name))


def list_folder(folder: str) -> list[str]:
    """Paths of the pictures below a folder, by their suffix, in order. Raises DataError if there is none."""
    found = [
        os.path.join(parent, name)
        for parent, _, names in os.walk(folder)
        for name in names
        if name.lower().endswith(PICTURE_SUFFIXES) and not name.startswith(".")
    ]
    if not found:
        suffixes = ", ".join(PICTURE_SUFFIXES)
        raise DataError(f"{in_one_line(folder)}: no picture in this folder; give files that end in {suffixes}")
    return sorted(found)
