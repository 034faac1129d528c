"""What was given on the command line -> pictures or rows; a file's content tells which, then its name."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from fer_tfx.contract import PIXELS_KEY
from fer_tfx.errors import ConfigError, DataError
from fer_tfx.pictures import in_one_line, read_bounded
from fer_tfx.predict.csv_faces import iter_rows_of
from fer_tfx.predict.picture_files import Picture, list_folder
from fer_tfx.predict.subjects import Item

STANDARD_INPUT = "-"
STANDARD_INPUT_NAME = "standard input"
_HEAD_BYTES = 512
_PICTURE_MAGICS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF", b"II*\0", b"MM\0*")
_PACKED_MAGICS = (b"\x1f\x8b", b"\xfd7zXZ\x00", b"BZh", b"PK\x03\x04", b"PK\x05\x06")
_ROW_SUFFIXES = (".csv", ".gz", ".xz", ".bz2", ".zip", ".tar", ".tgz", ".txz", ".tbz2")
_TAR_MAGIC_AT = 257


@dataclass(frozen=True)
class Rows:
    """A file of rows."""

    name: str
    open: Callable[[], BinaryIO]

    def iter_items(self) -> Iterator[Item]:
        """Yield its rows. Raises DataError, as `csv_faces.iter_rows_of`."""
        try:
            stream = self.open()
        except OSError as error:
            name, reason = in_one_line(self.name), error.strerror
            raise DataError(f"{name}: can't be read: {reason}; give a FER2013 CSV or an archive of it") from None
        with stream:
            yield from iter_rows_of(stream, self.name)


@dataclass(frozen=True)
class Inputs:
    """All that is to be predicted: either pictures or files of rows."""

    pictures: tuple[Picture, ...] = ()
    rows: tuple[Rows, ...] = ()

    @property
    def names(self) -> list[str]:
        return [picture.name for picture in self.pictures] + [rows.name for rows in self.rows]


@contextmanager
def open_inputs(given: Sequence[str]) -> Iterator[Inputs]:
    """Find out what was given: files, folders of pictures, or `-` for standard input.

    Raises:
        ConfigError: pictures and rows in one call.
        DataError: standard input is empty, or a folder holds no picture.
    """
    with tempfile.TemporaryFile() as spool:
        found = [_recognise(name, cast(BinaryIO, spool)) for name in given]
        inputs = Inputs(
            tuple(picture for each in found if isinstance(each, list) for picture in each),
            tuple(each for each in found if isinstance(each, Rows)),
        )
        if inputs.pictures and inputs.rows:
            picture, rows = in_one_line(inputs.pictures[0].name), in_one_line(inputs.rows[0].name)
            raise ConfigError(f"{rows} holds rows and {picture} is a picture; give them in two calls")
        yield inputs


def open_rows(name: str) -> Rows:
    """A file that must hold rows, whatever it looks like."""
    return Rows(name, lambda: Path(name).open("rb"))


def _recognise(name: str, spool: BinaryIO) -> list[Picture] | Rows:
    if name == STANDARD_INPUT:
        return _recognise_standard_input(spool)
    path = Path(name)
    if path.is_dir():
        return [Picture(each) for each in list_folder(name)]
    return open_rows(name) if holds_rows(_read_head(path), name) else [Picture(name)]


def _recognise_standard_input(spool: BinaryIO) -> list[Picture] | Rows:
    """Keep what comes in a temporary file: a zip must be read from its end."""
    if spool.tell():
        raise ConfigError("`-` is given twice, and standard input can be read only once")
    head = sys.stdin.buffer.read(_HEAD_BYTES)
    if not head:
        raise DataError(f"{STANDARD_INPUT_NAME}: is empty; give a picture or a CSV")
    spool.write(head)
    if not holds_rows(head, ""):
        return [Picture(STANDARD_INPUT_NAME, head + read_bounded(sys.stdin.buffer, STANDARD_INPUT_NAME))]
    shutil.copyfileobj(sys.stdin.buffer, spool)
    spool.seek(0)
    return Rows(STANDARD_INPUT_NAME, lambda: spool)


def _read_head(path: Path) -> bytes:
    """The first bytes; none of what can't be read, which whoever reads it will say."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except (OSError, ValueError):
        return b""


def holds_rows(head: bytes, name: str) -> bool:
    """Whether a file that begins with `head` is a CSV or an archive of one, rather than a picture."""
    if head.startswith(_PICTURE_MAGICS):
        return False
    is_packed = head.startswith(_PACKED_MAGICS) or head[_TAR_MAGIC_AT:].startswith(b"ustar")
    has_header = PIXELS_KEY.encode() in head.partition(b"\n")[0].lower()
    return is_packed or has_header or name.lower().endswith(_ROW_SUFFIXES)
