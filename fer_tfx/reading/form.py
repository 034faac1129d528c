"""What a form of input implements, and what every form gives: rows, usable or not."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple, Protocol, TypeAlias, runtime_checkable

from fer_tfx.errors import in_one_line
from fer_tfx.reading.votes import Votes
from fer_tfx.reading.words import ClassTable


@dataclass(frozen=True)
class ReadingLimits:
    """What a line, an archive with all that is nested in it, and a part of a large file may take."""

    max_line_bytes: int = 1_000_000
    part_bytes: int = 64_000_000  # of a plain CSV
    max_decompressed_bytes: int = 16_000_000_000
    max_compression_ratio: float = 200.0  # checked past the first 10 MB; FER2013 packs about 4 to 1
    max_members: int = 100_000
    max_header_bytes: int = 8_000_000  # for all member lists of zips, long names and extended headers of tars
    max_depth: int = 4  # layers of packing; a tar.gz in a zip has three
    max_crop_px: int | None = None  # side up to which a file that is a picture counts as a face; None: any


@dataclass(frozen=True)
class FaceRow:
    """One picture of the data set."""

    class_index: int | None  # position in `ClassTable.names`; None: there is no label, or votes take its place
    pixels: bytes  # 2,304 uint8 values, row-major; empty: they are in the picture at `path`
    usage: str | None  # split named by the row, a value of `SPLIT_OF_USAGE`; None: the file names none
    path: str = ""  # of a picture that a table names, as it does
    is_split_by_path: bool = False  # whether a split that the folders of `path` name goes before `usage`
    votes: Votes = ()  # empty: they are not looked at, or not in the table


@dataclass(frozen=True)
class ParsedRow:
    """A usable row and where it stood."""

    source: str
    row: int  # position among the rows of the file, from 0; rejected rows count, blank lines and the header don't
    line: int  # number in the file, from 1: what an editor shows; 0: the whole file is one row
    face: FaceRow


@dataclass(frozen=True)
class RejectedRow:
    """A row that can't be used, where it stood and why."""

    source: str
    row: int
    line: int
    reason: str  # one of a few short texts, to be counted
    detail: str
    text: str  # the start of the line, at most 120 characters, unprintable ones escaped
    pixels: bytes = b""  # 2,304 uint8 values, where only something else is wrong; empty: not known


@dataclass(frozen=True)
class LeftOutRow:
    """A row that the settings leave out by its label, wherever else it may be wrong."""

    source: str
    row: int
    line: int
    label: str  # as the settings spell it, to be counted


@dataclass(frozen=True)
class Remark:
    """How a file is read, where a person should know."""

    source: str
    text: str


Item: TypeAlias = ParsedRow | RejectedRow | LeftOutRow | Remark


@dataclass(frozen=True)
class SkippedMember:
    """A file that is not read, and why."""

    name: str
    reason: str


class Form(Protocol):
    """A form of input, such as a CSV. Archives are opened before: a form sees their members one by one.

    A new form is one module and its entry in `fer_tfx.reading.forms.FORMS`.
    """

    @property
    def suffixes(self) -> tuple[str, ...]:
        """In lower case. In a folder or an archive, files of other names are skipped."""

    def recognises(self, head: bytes, name: str) -> bool:
        """Whether a file that begins with `head`, its first 512 bytes, is of this form."""

    def read(self, stream: BinaryIO, name: str, limits: ReadingLimits, classes: ClassTable | None) -> Iterator[Item]:
        """Yield every row of a stream, which is at its start, in order and in bounded memory, and perhaps remarks.

        `name` is the relative path of the file, with that of its archive in front: for messages and the rows' `source`.
        `classes` says what labels mean; None: the rows are only to be predicted, and a label and a usage are not looked
        at. Raises DataError if the file as a whole can't be read.
        """


Bounds: TypeAlias = tuple[int, int]
"""Of a part: from the first byte, or group of rows, up to the second, without it."""
Counts: TypeAlias = tuple[int, int]
"""All lines of a part, and those that are not blank: rows."""


class Part(NamedTuple):
    """A range of a file, and where the lines that begin in it stand."""

    bounds: Bounds
    row_count: int
    first_line: int  # from 1, which is the one behind the header
    first_row: int  # from 0


@runtime_checkable
class PartedForm(Form, Protocol):
    """A form whose large files can be read in parts, side by side: cut, counted, numbered, read."""

    def tell(self, stream: BinaryIO, name: str, limits: ReadingLimits, classes: ClassTable | None) -> str:
        """The form, and what its columns hold. Raises DataError."""

    def cut(self, stream: BinaryIO, head: bytes, limits: ReadingLimits) -> list[Bounds]:
        """The parts of a seekable file that begins with `head`; none if it is small."""

    def count(self, stream: BinaryIO, bounds: Bounds, limits: ReadingLimits) -> Counts:
        """Count in bounded memory."""

    def read_part(
        self, stream: BinaryIO, name: str, part: Part, limits: ReadingLimits, classes: ClassTable | None
    ) -> Iterator[Item]:
        """Yield one part's rows, numbered as in the whole file. Raises DataError, also for another number of rows."""


def shown(text: bytes, max_chars: int = 40) -> str:
    """`text` cut to `max_chars` for a message: one printable line, undecodable bytes and controls escaped."""
    decoded = text[: 4 * max_chars].decode("utf-8", errors="backslashreplace")
    printable = decoded if decoded.isprintable() else in_one_line(decoded)
    return printable if len(printable) <= max_chars else printable[: max_chars - 3] + "..."
