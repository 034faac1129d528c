"""What the command line names: pictures, videos or rows, told apart by content, then by name."""

import io
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import numpy as np

from fer_tfx.contract import IMAGE_SHAPE
from fer_tfx.errors import ConfigError, DataError, FerError, in_one_line
from fer_tfx.face_detection import MAX_CROP_PX, Box
from fer_tfx.files import unreadable
from fer_tfx.pictures import PIPE, PictureLike, list_picture_suffixes, read_bounded, read_picture_file
from fer_tfx.reading.archives import is_packed
from fer_tfx.reading.choice import ARCHIVE_SUFFIXES
from fer_tfx.reading.csv_form import looks_like_table
from fer_tfx.reading.form import ParsedRow, ReadingLimits, RejectedRow
from fer_tfx.reading.forms import FORMS, HEAD_BYTES
from fer_tfx.reading.picture_form import NO_CROP, PICTURES
from fer_tfx.reading.sources import Source, read_source
from fer_tfx.views import Pixels

STANDARD_INPUT_NAME = "standard input"
_VIDEO_SUFFIXES = (
    ".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".webm",
    ".wmv",
)  # fmt: skip
_VIDEO_MAGICS = (b"\x1aE\xdf\xa3", b"FLV\1", b"OggS", b"0&\xb2u\x8ef\xcf\x11", b"\0\0\1\xba")
_STILL_BRANDS = (b"avif", b"avis", b"heic", b"heim", b"heis", b"heix", b"hevc", b"hevx", b"mif1", b"msf1")
_NETPBM = re.compile(rb"P[1-7]\s")  # whose plain forms are numbers, as rows are
_UNPACK = "unpack the archive and give the folder, which is searched for faces, or take each picture for one by --whole"
_NAME_THEM = "give the pictures themselves, which are searched for faces, or take each for one by --whole"
_PICTURE_MAGICS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF", b"II*\0", b"MM\0*")


class Subject(NamedTuple):
    """A picture, a face in a photo or in a frame of a video, or a row of a CSV."""

    source: str  # file as it was named or found; of a row in an archive, its member
    place: int  # position of a row in the file, or of a picture or video among those, from 0
    face: int = 0  # number within its photo, or track in its video, from 1; 0: none was looked for, or found
    box: Box | None = None
    time_s: float | None = None  # of a frame


class Item(NamedTuple):
    """A row with what the model gets to see."""

    subject: Subject
    pixels: Pixels  # uint8 (48, 48, 1)


class Picture(NamedTuple):
    """A picture that is still to be read: from the file of this name unless its content is here."""

    name: str
    content: bytes | None = None

    def read(self) -> bytes:
        """The bytes of the file. Raises DataError, as `fer_tfx.pictures.read_picture_file`."""
        return read_picture_file(self.name) if self.content is None else self.content

    def get_source(self) -> PictureLike:
        """For `Model.predict`, with the name."""
        if self.content is None:
            return self.name
        stream = io.BytesIO(self.content)
        stream.name = self.name
        return stream


class Rows(NamedTuple):
    """A CSV, or an archive of one; labels are ignored."""

    name: str
    open: Callable[[], BinaryIO]
    limits: ReadingLimits = ReadingLimits()

    def iter_items(self) -> Iterator[Item]:
        """Yield the rows in order. Raises DataError, also for a broken row: without it all that follow would shift."""
        count = 0
        try:
            with self.open() as stream:
                for row in read_source(Source(self.name, self.name, True), stream, self.limits, None):
                    if isinstance(row, RejectedRow):
                        place = f"{row.source}, line {row.line}" if row.line else row.source  # 0: of a picture
                        remedy = "fix or remove this row"
                        if row.reason == NO_CROP:
                            remedy = _NAME_THEM if row.line else _UNPACK
                        raise DataError(f"{place}: {row.reason}: {row.detail}; {remedy}")
                    if isinstance(row, ParsedRow):
                        pixels = np.frombuffer(row.face.pixels, np.uint8).reshape(IMAGE_SHAPE)
                        yield Item(Subject(row.source, count), pixels)
                        count += 1
        except OSError as error:
            raise unreadable(self.name, error) from None
        if count == 0:
            raise DataError(
                f"{in_one_line(self.name)}: no row in it; give a file with a picture in each line below its header"
            )


class Video(NamedTuple):
    """A video: the file of this name, or a stream with its content."""

    name: str
    stream: BinaryIO | None = None

    @property
    def source(self) -> str | BinaryIO:
        return self.stream or self.name


class Folder(NamedTuple):
    """What lies below a folder, by its names; what is hidden doesn't count."""

    pictures: list[str]  # paths, in order
    others: list[str]  # paths of files that are no pictures
    links: list[str]  # paths of links to folders, which may lead anywhere
    errors: list[FerError]  # of folders that can't be read

    @classmethod
    def read(cls, folder: str) -> "Folder":
        """Raises DataError if there is no picture."""
        suffixes = tuple(list_picture_suffixes())
        found, links, errors = list[str](), list[str](), list[FerError]()
        for parent, folders, files in os.walk(folder, onerror=lambda error: errors.append(_unreadable(error))):
            folders[:] = sorted(each for each in folders if not each.startswith("."))
            paths = (os.path.join(parent, each) for each in folders)
            links += [each for each in paths if os.path.islink(each)]  # noqa: PTH114 (of many)
            found += [os.path.join(parent, each) for each in files if not each.startswith(".")]
        found.sort()
        pictures = [each for each in found if each.lower().endswith(suffixes)]
        others = [each for each in found if not each.lower().endswith(suffixes)]
        if not pictures and errors:
            raise errors[0]
        if not pictures:
            only = f", only {tell_names([*others, *links])}" if others or links else ""
            raise DataError(
                f"{in_one_line(folder)}: no picture in this folder by its name{only}; name files themselves"
            )
        return cls(pictures, others, links, errors)


def _unreadable(error: OSError) -> DataError:
    return unreadable(os.fsdecode(error.filename), error)


def tell_names(paths: Sequence[str], most: int = 3) -> str:
    """Such as `a.txt, b.csv and 5 more`."""
    shown = ", ".join(in_one_line(each) for each in paths[:most])
    return shown if len(paths) <= most else f"{shown} and {len(paths) - most} more"


class Inputs(NamedTuple):
    """All that is to be predicted: either pictures, or videos, or files of rows."""

    pictures: tuple[Picture, ...] = ()
    rows: tuple[Rows, ...] = ()
    videos: tuple[Video, ...] = ()
    folders: tuple[Folder, ...] = ()

    @property
    def others(self) -> list[str]:
        """Paths of files in folders that are no pictures by their names."""
        return [path for each in self.folders for path in each.others]

    @property
    def links(self) -> list[str]:
        """Paths of links to folders in them."""
        return [path for each in self.folders for path in each.links]

    @property
    def errors(self) -> list[FerError]:
        """Of folders that can't be read."""
        return [error for each in self.folders for error in each.errors]

    @property
    def names(self) -> list[str]:
        return [name for names in self.names_by_kind.values() for name in names]

    @property
    def names_by_kind(self) -> dict[str, list[str]]:
        """By what is said of such a file."""
        return {
            "holds rows": [each.name for each in self.rows],
            "is a video": [each.name for each in self.videos],
            "is a picture": [each.name for each in self.pictures],
        }


@contextmanager
def open_inputs(names: Sequence[str], *, are_moving: bool = False, are_whole: bool = False) -> Iterator[Inputs]:
    """Recognise files, folders of pictures and `-`, standard input.

    `are_moving`: animated pictures are videos. `are_whole`: each picture is one face, also in an archive, where they
    can't be searched. Raises ConfigError for a mixture, or DataError.
    """
    limits = ReadingLimits(max_crop_px=None if are_whole else MAX_CROP_PX)
    with tempfile.TemporaryFile() as spool:
        found = [_recognise(name, cast(BinaryIO, spool), are_moving) for name in names]
        rows = tuple(each._replace(limits=limits) for each in found if isinstance(each, Rows))
        videos = tuple(each for each in found if isinstance(each, Video))
        folders = [each for each in found if isinstance(each, Folder)]
        pictures: list[Picture] = []
        for each in found:
            if isinstance(each, Picture):
                pictures.append(each)
            elif isinstance(each, Folder):
                pictures += map(Picture, each.pictures)
        inputs = Inputs(tuple(pictures), rows, videos, tuple(folders))
        firsts = [f"{in_one_line(names[0])} {kind}" for kind, names in inputs.names_by_kind.items() if names]
        if len(firsts) > 1:
            raise ConfigError(f"{firsts[0]} and {firsts[1]}; give them in two calls")
        yield inputs


def open_rows(name: str) -> Rows:
    """A file that must hold rows, whatever its name. Raises DataError for a picture."""
    if _read_head(name).startswith(_PICTURE_MAGICS):
        raise DataError(f"{in_one_line(name)}: is a picture; give rows, such as test.csv")
    return Rows(name, lambda: Path(name).open("rb"))


def _recognise(name: str, spool: BinaryIO, is_moving: bool) -> Picture | Folder | Rows | Video:
    if name == "-":
        return _recognise_standard_input(spool, is_moving)
    if os.path.isdir(name):  # noqa: PTH112 (raises nothing for a name that is too long)
        return Folder.read(name)
    head = _read_head(name)
    if _holds_video(head, name, is_moving):
        return Video(name)
    return open_rows(name) if holds_rows(head, name) else Picture(name)


def _read_head(name: str) -> bytes:
    with suppress(OSError, ValueError):  # what can't be read is reported later
        path = Path(name)
        if path.is_file():
            with path.open("rb") as file:
                return file.read(HEAD_BYTES)
        if path.exists() and not path.is_dir():  # to open it might wait for ever
            raise DataError(f"{in_one_line(name)}: {PIPE} (`-`)")
    return b""


def _recognise_standard_input(spool: BinaryIO, is_moving: bool) -> Picture | Rows | Video:
    """Rows and videos are kept in a temporary file: a zip must be read from its end."""
    if spool.tell():
        raise ConfigError("`-` is given twice, and standard input can be read only once")
    head = sys.stdin.buffer.read(HEAD_BYTES)
    if not head:
        raise DataError(f"{STANDARD_INPUT_NAME}: is empty; give a picture, a video or a CSV")
    spool.write(head)
    is_video = _holds_video(head, "", is_moving)
    if not is_video and not holds_rows(head, ""):
        return Picture(STANDARD_INPUT_NAME, head + read_bounded(sys.stdin.buffer, STANDARD_INPUT_NAME))
    shutil.copyfileobj(sys.stdin.buffer, spool)
    spool.seek(0)
    return Video(STANDARD_INPUT_NAME, spool) if is_video else Rows(STANDARD_INPUT_NAME, lambda: spool)


def _holds_video(head: bytes, name: str, is_moving: bool) -> bool:
    """Whether a file that begins with `head` is a video; an animated picture is one if `is_moving`."""
    if head[4:8] == b"ftyp":
        return head[8:12] not in _STILL_BRANDS
    if head.startswith(b"GIF8"):
        return is_moving
    is_video = head.startswith(_VIDEO_MAGICS) or (head[:4], head[8:12]) == (b"RIFF", b"AVI ")
    return is_video or name.lower().endswith(_VIDEO_SUFFIXES)


def holds_rows(head: bytes, name: str) -> bool:
    """Whether a file that begins with `head` holds rows or packs them, rather than being a picture."""
    if head.startswith(_PICTURE_MAGICS) or _NETPBM.match(head):
        return False
    form: object = next((form for form in FORMS if form.recognises(head, name)), None)
    if form is not None:
        return form is not PICTURES
    return is_packed(head) or name.lower().endswith(ARCHIVE_SUFFIXES) or looks_like_table(head)
