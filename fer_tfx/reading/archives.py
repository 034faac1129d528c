"""An opened file, plain or packed -> the streams of rows in it.

.gz, .xz, .bz2, .zip and .tar are told apart by their first bytes and may lie in each other, as in Kaggle's competition
zip. All is streamed: nothing is written to disk and no member is held in memory. A member's name is a label, never a
path to open.
"""

import bz2
import functools
import io
import lzma
import posixpath
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any, BinaryIO, NamedTuple, cast

from fer_tfx.errors import DataError
from fer_tfx.reading.beside import Open
from fer_tfx.reading.choice import (
    HIDDEN,
    LISTED,
    ChoiceInOrder,
    describe_skipped,
    find_own_splits,
    is_hidden,
    prefer,
    reasons_against,
)
from fer_tfx.reading.foreign import explain_foreign
from fer_tfx.reading.form import ReadingLimits, SkippedMember, shown
from fer_tfx.reading.forms import HEAD_BYTES, lists_pictures
from fer_tfx.reading.picture_form import PICTURES
from fer_tfx.reading.unpacking import XZ_MEMORY_BYTES, FileLayer, Layer, ShortReads, Unpacked, iter_tar, translating
from fer_tfx.reading.words import ClassTable

# The ratio is looked at only past this size, so that a small file that packs well is no bomb.
_RATIO_GRACE_BYTES = 10_000_000
_TAR_MAGIC_AT = 257
_GZIP_FORM = 16 + zlib.MAX_WBITS  # as zlib's inflateInit2 counts
_MAX_NAME_CHARS = 255  # all that fits into the header of a tar
_SHOWN_NAME_CHARS = 100  # of a longer one
_READABLE_ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # zipfile inflates the others without a bound
_ENCRYPTED_FLAG = 0x1
_UNREADABLE_FORMS = {
    b"7z\xbc\xaf\x27\x1c": "7z archive",
    b"Rar!": "RAR archive",
    b"\x28\xb5\x2f\xfd": "Zstandard file",
    b"\x1f\x9d": "file packed by `compress`",
}
_UNPACKERS: dict[bytes, Callable[[], Any]] = {
    b"\x1f\x8b": functools.partial(zlib.decompressobj, _GZIP_FORM),
    b"\xfd7zXZ\x00": functools.partial(lzma.LZMADecompressor, lzma.FORMAT_XZ, XZ_MEMORY_BYTES),
    b"BZh": bz2.BZ2Decompressor,
}
_ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")  # with and without members


class Member(NamedTuple):
    """A file of rows, to be read before the next item is asked for: the streams lie one behind the other."""

    name: str  # `file.zip/folder/train.csv`; of a file that packs just one, such as train.csv.xz, its own name
    stream: BinaryIO
    head: bytes  # its first 512 bytes, also to be read from the stream
    beside: "Beside | None" = None  # where a table finds its pictures; None: beside the file itself
    split: str = ""  # of all rows that name none; empty: it is not known


class Beside(NamedTuple):
    """The surroundings of a member in its archive."""

    folder: str
    open: Open


def iter_members(
    stream: BinaryIO, name: str, limits: ReadingLimits, classes: ClassTable | None
) -> Iterator[Member | SkippedMember]:
    """Yield each file of rows in `stream`, from its start, and each member that is skipped. A zip must be seekable.

    In a tar the choice knows only the names so far: a well-known file after another labelled one is skipped even if it
    is preferred. Raises DataError, partly while members are read: the file is damaged, encrypted, packed in a form that
    can't be read, larger than `limits` or without rows.
    """
    walk = _Walk(name, limits, classes)
    file = FileLayer(stream, name, walk.count_packed, stream.seekable())
    skipped: list[SkippedMember] = []
    has_rows = False
    for item in walk.open(file.buffered(), name, depth=0):
        yield item
        if isinstance(item, SkippedMember):
            skipped.append(item)
        else:
            has_rows = True
    if not has_rows:
        raise DataError(f"{name}: no CSV in it ({describe_skipped(skipped)}): give a CSV or an archive of one")


def is_packed(head: bytes) -> bool:
    """Whether a file that begins with `head`, its first 512 bytes, is an archive or packed."""
    is_tar = head[_TAR_MAGIC_AT:].startswith(b"ustar")
    return is_tar or head.startswith((*_ZIP_MAGICS, *_UNPACKERS, *_UNREADABLE_FORMS))


def _open_nothing(path: str) -> BinaryIO:
    raise DataError(f"{path}: a table in an archive names it, which can't be followed: unpack it and give the folder")


_NOWHERE = Beside("", _open_nothing)


class _Walk:
    """Goes through the layers of one file and counts what they unpack to."""

    def __init__(self, name: str, limits: ReadingLimits, classes: ClassTable | None) -> None:
        self._name, self._limits, self._classes = name, limits, classes
        self._packed_bytes = self._unpacked_bytes = self._members = self._header_bytes = 0

    def count_packed(self, size: int) -> None:
        self._packed_bytes += size

    def count_unpacked(self, size: int) -> None:
        """Count the bytes of every layer, so those of a packed archive within an archive too."""
        self._unpacked_bytes += size
        self._require_within("bytes", self._unpacked_bytes, "max_decompressed_bytes")
        if self._unpacked_bytes > _RATIO_GRACE_BYTES:
            ratio = self._unpacked_bytes / max(self._packed_bytes, 1)
            self._require_within("times its size", ratio, "max_compression_ratio")

    def _require_within(self, unit: str, value: float, setting: str) -> None:
        limit = getattr(self._limits, setting)
        if value > limit:
            raise DataError(
                f"{self._name}: unpacks to more than {limit:,.0f} {unit}, which may be a decompression bomb:"
                f" give the right file, or raise data.{setting}"
            )

    def _count_member(self) -> None:
        self._members += 1
        self._require_few(self._members, self._limits.max_members, "members")

    def _count_header(self, size: int) -> None:
        self._header_bytes += size
        self._require_few(self._header_bytes, self._limits.max_header_bytes, "bytes only to name its members")

    def _require_few(self, count: int, limit: int, unit: str) -> None:
        if count > limit:
            raise DataError(f"{self._name}: more than {limit:,} {unit}: unpack it and give the folder")

    def open(
        self, stream: io.BufferedReader, label: str, depth: int, beside: Beside | None = None
    ) -> Iterator[Member | SkippedMember]:
        head = stream.peek(HEAD_BYTES)
        if PICTURES.recognises(head, label):  # whatever is wrong with one is said of its row
            yield Member(label, cast(BinaryIO, stream), head[:HEAD_BYTES], beside)
            return
        if foreign := explain_foreign(head):
            raise DataError(f"{label}: {foreign}")
        for magic, form in _UNREADABLE_FORMS.items():
            if head.startswith(magic):
                raise DataError(f"{label}: a {form} can't be read: unpack it and give the CSV")
        if not is_packed(head):
            if beside == _NOWHERE and lists_pictures(head[:HEAD_BYTES], label, self._classes):
                yield SkippedMember(label, "a table of paths, which are followed in a folder or a plain zip alone")
            else:
                yield Member(label, cast(BinaryIO, stream), head[:HEAD_BYTES], beside)
            return
        if depth >= self._limits.max_depth:
            raise DataError(f"{label}: packed more than {depth} times over: unpack it and give the CSV")
        make_unpacker = next((make for magic, make in _UNPACKERS.items() if head.startswith(magic)), None)
        if make_unpacker:
            layer = Layer(Unpacked(stream, make_unpacker), label, self.count_unpacked, stream.seekable())
            yield from self.open(layer.buffered(), label, depth + 1, beside)
        elif head.startswith(_ZIP_MAGICS):
            yield from self._open_zip(stream, label, depth + 1)
        else:
            yield from self._open_tar(stream, label, depth + 1)

    def _open_zip(self, stream: io.BufferedReader, label: str, depth: int) -> Iterator[Member | SkippedMember]:
        if not stream.seekable():
            raise DataError(f"{label}: a zip can't be read from a stream without seeking: unpack it first")
        with translating(label, hint="the list of members at the end is missing or damaged"):
            archive = zipfile.ZipFile(cast(IO[bytes], ShortReads(stream, self._count_header)))
        seen: set[str] = set()
        infos: dict[str, zipfile.ZipInfo] = {}
        for info in archive.infolist():
            self._count_member()
            name = info.filename.replace("\\", "/")  # as Windows may write it
            if name.endswith("/"):
                continue
            member = _joined(label, name)
            reason = "a link" if stat.S_ISLNK(info.external_attr >> 16) else _reason_against_path(name)
            if reason := reason or _reason_against_repeat(member, seen):
                yield SkippedMember(member, reason)
            else:
                infos[name] = info

        def open_member(name: str) -> io.BufferedReader:
            if name not in infos:
                raise FileNotFoundError(name)
            info, member = infos[name], _joined(label, name)
            what = "folder" if PICTURES.recognises(b"", name) else "CSV"
            if info.flag_bits & _ENCRYPTED_FLAG:
                raise DataError(f"{member}: is encrypted: unpack it with its password and give the {what}")
            if info.compress_type not in _READABLE_ZIP_METHODS:
                found = f"packed by zip method {info.compress_type}, expected stored (0) or deflated (8)"
                raise DataError(f"{member}: {found}: unpack it and give the {what}")
            with translating(member):
                return Layer(archive.open(info), member, self.count_unpacked, is_seekable=True).buffered()

        def read_head(name: str) -> bytes:
            is_packed_otherwise = infos[name].compress_type not in _READABLE_ZIP_METHODS
            if is_nested or infos[name].flag_bits & _ENCRYPTED_FLAG or is_packed_otherwise:
                return b""
            with translating(_joined(label, name)), archive.open(infos[name]) as member:
                return member.read(HEAD_BYTES)  # which is counted when all is read

        is_nested = depth > 1  # what goes to and fro in it would be unpacked again and again
        reasons = reasons_against(list(infos), self._classes, read_head)
        skipped = ((name, reason) for name, reason in reasons.items() if reason not in ("", LISTED))
        yield from (SkippedMember(_joined(label, name), reason) for name, reason in skipped)
        splits = find_own_splits([name for name in reasons if not reasons[name]], self._classes, read_head)
        # In the order in which they lie: to go back, the layer beneath must be unpacked from its start again.
        for name in sorted(infos, key=lambda name: infos[name].header_offset):
            if reasons[name]:
                continue
            beside = _NOWHERE if is_nested else Beside(posixpath.dirname(name), open_member)
            for item in self.open(open_member(name), _joined(label, name), depth, beside):
                yield item._replace(split=splits[name]) if isinstance(item, Member) and name in splits else item

    def _open_tar(self, stream: io.BufferedReader, label: str, depth: int) -> Iterator[Member | SkippedMember]:
        seen: set[str] = set()
        choice = ChoiceInOrder(prefer(self._classes))
        for info, content in iter_tar(stream, label, self._count_header):
            self._count_member()
            if info.isdir():
                continue
            member = _joined(label, info.name)
            reason = _reason_against_tar_member(info) or _reason_against_repeat(member, seen)
            if reason := reason or choice.reason_against(info.name):
                yield SkippedMember(member, reason)
                continue
            layer = Layer(content, member, lambda size: None, is_seekable=False)
            yield from self.open(layer.buffered(), member, depth, _NOWHERE)


def _reason_against_tar_member(info: tarfile.TarInfo) -> str:
    if info.issym() or info.islnk():
        return "a link"
    if not info.isreg():
        return "a device or pipe"
    if info.issparse():
        return "a sparse file"
    return _reason_against_path(info.name)


def _reason_against_repeat(member: str, seen: set[str]) -> str:
    """Note a member by its label, which is the same for `./a.csv` and `a.csv`."""
    is_repeat = member in seen
    seen.add(member)
    return "a second member of the same name" if is_repeat else ""


def _reason_against_path(name: str) -> str:
    if _is_long(name):
        return f"a name of more than {_MAX_NAME_CHARS} characters"
    parts = name.replace("\\", "/").split("/")
    is_unsafe = ".." in parts or parts[0] == "" or parts[0].endswith(":")
    if is_unsafe:
        return "a path that leads out of the archive"
    return HIDDEN if is_hidden("/".join(parts)) else ""


def _joined(label: str, name: str) -> str:
    """A member's label: relative, printable, of bounded length, with the archive in front."""
    return f"{label}/{shown(_relative(name), _SHOWN_NAME_CHARS if _is_long(name) else _MAX_NAME_CHARS)}"


def _is_long(name: str) -> bool:
    """Whether a name is too long as it is, or as a label, in which a character may take ten."""
    return len(name) > _MAX_NAME_CHARS or len(shown(_relative(name), 10 * _MAX_NAME_CHARS)) > _MAX_NAME_CHARS


def _relative(name: str) -> bytes:
    parts = name[: _MAX_NAME_CHARS + 1].replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", ".", "..")).encode("utf-8", "surrogateescape")
