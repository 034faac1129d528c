"""An opened file, plain or packed -> the CSV streams in it.

CSV, .gz, .xz, .bz2, .zip and .tar are told apart by their first bytes, and may lie in each other, as in Kaggle's
whole competition zip. All is streamed: nothing is written to disk and no member is held in memory. The name of
a member is a label, never a path to open.
"""

import bz2
import gzip
import io
import lzma
import posixpath
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, BinaryIO, cast

from configs.spec import DataConfig
from schema.errors import DataError

# Well-known files of the competition. The same labelled rows stand in up to three of them: the first is the best.
LABELLED_FIRST = ("fer2013.csv", "icml_face_data.csv", "train.csv", "test.csv")
UNLABELLED_FIRST = ("test.csv",)
_NO_SOURCES = ("example_submission.csv", "public_test_labels.csv")
_WELL_KNOWN = (*LABELLED_FIRST, *_NO_SOURCES)

_ARCHIVE_SUFFIXES = (".tar.gz", ".tar.xz", ".tar.bz2", ".tgz", ".txz", ".tbz2", ".tar", ".zip", ".gz", ".xz", ".bz2")
_CSV_SUFFIX = ".csv"

# The ratio is looked at only past this size, so that a small file that packs well is no bomb.
_RATIO_GRACE_BYTES = 10_000_000
_CHUNK_BYTES = 1 << 16
_TAR_BLOCK_BYTES = 512
_TAR_MAGIC_AT = 257

_READABLE_ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # zipfile inflates the others without a bound
_ENCRYPTED_FLAG = 0x1
_UNREADABLE_FORMS = {
    b"7z\xbc\xaf\x27\x1c": "7z archive",
    b"Rar!": "RAR archive",
    b"\x28\xb5\x2f\xfd": "Zstandard file",
    b"\x1f\x9d": "file packed by `compress`",
}
_UNPACKERS: dict[bytes, Callable[[BinaryIO], Any]] = {
    b"\x1f\x8b": lambda packed: gzip.GzipFile(fileobj=packed),
    b"\xfd7zXZ\x00": lzma.LZMAFile,
    b"BZh": bz2.BZ2File,
}
_ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")  # with and without members


@dataclass(frozen=True)
class ArchiveLimits:
    """Bounds on what one file may unpack to, with all that is nested in it."""

    max_decompressed_bytes: int
    max_compression_ratio: float
    """Unpacked over packed bytes, looked at past the first 10 MB."""
    max_members: int = 10_000
    max_depth: int = 4
    """Layers of packing; a tar.gz in a zip has three."""

    @classmethod
    def from_config(cls, config: DataConfig) -> "ArchiveLimits":
        return cls(config.max_decompressed_bytes, config.max_compression_ratio)


@dataclass(frozen=True)
class Member:
    """A CSV to read, before the next item is asked for: the streams lie one behind the other."""

    name: str
    """`file.zip/folder/train.csv`; of a file that holds just one CSV, such as train.csv.xz, the file's own name."""
    stream: BinaryIO


@dataclass(frozen=True)
class SkippedMember:
    """A file that is not read, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Choice:
    """Which files of one folder or archive to read."""

    chosen: tuple[str, ...]
    skipped: tuple[SkippedMember, ...]


def choose_members(names: Sequence[str], preference: Sequence[str] = LABELLED_FIRST) -> Choice:
    """Choose among the files of one folder or archive, so that no row is read twice.

    If two or more of the competition's well-known files are there, packed or not, the first of `preference` is
    read, plain rather than packed, and all others are skipped. Otherwise every CSV and archive is read.
    """
    reasons = {name: _reason_to_skip(name) for name in names}
    readable = [name for name in names if not reasons[name]]
    well_known = [name for name in readable if _well_known(name)]
    if len({_base_name(name) for name in well_known}) > 1:
        best = min(well_known, key=lambda name: _rank(name, preference))
        is_wanted = _well_known(best) in preference
        for name in readable:
            reasons[name] = "" if is_wanted and name == best else _reason_beside(best, name, preference)
    return Choice(
        chosen=tuple(name for name in names if not reasons[name]),
        skipped=tuple(SkippedMember(name, reason) for name, reason in reasons.items() if reason),
    )


def _rank(name: str, preference: Sequence[str]) -> tuple[int, bool, int, str]:
    known = _well_known(name)
    place = preference.index(known) if known in preference else len(preference)
    return place, not _base_name(name).endswith(_CSV_SUFFIX), len(name), name


def _reason_beside(best: str, name: str, preference: Sequence[str]) -> str:
    known = _well_known(name)
    if known in _NO_SOURCES:
        return "holds no pictures"
    if known not in preference:
        return f"not one of {', '.join(preference)}"
    if known == "test.csv" and _well_known(best) != known:
        return f"has no labels, and {best} has"
    return f"holds the same rows as {best}"


def _well_known(name: str) -> str:
    """The well-known CSV that `name` is or packs (fer2013.tar.gz packs fer2013.csv), or an empty string."""
    base = _base_name(name)
    while base.endswith(_ARCHIVE_SUFFIXES):
        base = base.removesuffix(next(suffix for suffix in _ARCHIVE_SUFFIXES if base.endswith(suffix)))
    csv = base if base.endswith(_CSV_SUFFIX) else base + _CSV_SUFFIX
    return csv if csv in _WELL_KNOWN else ""


def _base_name(name: str) -> str:
    return posixpath.basename(name.replace("\\", "/")).lower()


def _reason_to_skip(name: str) -> str:
    parts = name.replace("\\", "/").split("/")
    if "__MACOSX" in parts or (parts[-1].startswith(".") and parts[-1] != ".."):
        return "a file of the system, not of the data set"
    if not parts[-1].lower().endswith((_CSV_SUFFIX, *_ARCHIVE_SUFFIXES)):
        return "neither a CSV nor an archive by its name"
    return ""


def iter_members(
    stream: BinaryIO, name: str, limits: ArchiveLimits, preference: Sequence[str] = LABELLED_FIRST
) -> Iterator[Member | SkippedMember]:
    """Yield each CSV in `stream`, which is read from its start, and each member that is passed over.

    A zip must be seekable. It lists its members first, so `choose_members` sees all of them; a tar is read in
    order, and there the choice knows only the names so far: a well-known file that comes after another labelled
    one is skipped even if it is preferred, and one that comes before may be read besides it.

    Raises:
        DataError: the file is damaged, ends early, is encrypted, packed in a way that can't be read, larger than
            `limits` or without a CSV. Damage is found while the members are read.
    """
    walk = _Walk(name, limits, preference)
    file = _FileLayer(stream, name, walk.count_packed, stream.seekable())
    found: list[SkippedMember] = []
    has_member = False
    for item in walk.open(_buffered(file), name, depth=0):
        if isinstance(item, SkippedMember):
            found.append(item)
        else:
            has_member = True
        yield item
    if not has_member:
        raise DataError(f"{name}: no CSV in it ({_summary_of(found)}): give a CSV or an archive of one")


def _summary_of(skipped: Sequence[SkippedMember]) -> str:
    texts = [f"{each.name}: {each.reason}" for each in skipped[:3]]
    if len(skipped) > len(texts):
        texts.append(f"and {len(skipped) - len(texts)} more")
    return "; ".join(texts) or "it is empty"


class _Walk:
    """Goes through the layers of one file and keeps count of what they unpack to."""

    def __init__(self, name: str, limits: ArchiveLimits, preference: Sequence[str]) -> None:
        self._name = name
        self._limits = limits
        self._preference = preference
        self._packed_bytes = 0
        self._unpacked_bytes = 0
        self._members = 0

    def count_packed(self, size: int) -> None:
        self._packed_bytes += size

    def count_unpacked(self, size: int) -> None:
        """Count the bytes of every layer, so those of a packed archive within an archive too."""
        self._unpacked_bytes += size
        self._require_within("bytes", self._unpacked_bytes, self._limits.max_decompressed_bytes)
        if self._unpacked_bytes > _RATIO_GRACE_BYTES:
            ratio = self._unpacked_bytes / max(self._packed_bytes, 1)
            self._require_within("times its size", ratio, self._limits.max_compression_ratio)

    def _require_within(self, unit: str, value: float, limit: float) -> None:
        if value > limit:
            setting = "max_decompressed_bytes" if unit == "bytes" else "max_compression_ratio"
            raise DataError(
                f"{self._name}: unpacks to more than {limit:,.0f} {unit}, which may be a decompression bomb:"
                f" give the right file, or raise data.{setting}"
            )

    def _count_member(self) -> None:
        self._members += 1
        if self._members > self._limits.max_members:
            raise DataError(
                f"{self._name}: more than {self._limits.max_members:,} members, FER2013 has at most ten: give the"
                " right archive, or the CSV itself"
            )

    def open(self, stream: io.BufferedReader, label: str, depth: int) -> Iterator[Member | SkippedMember]:
        head = stream.peek(_TAR_BLOCK_BYTES)
        _refuse_unreadable_form(head, label)
        unpack = next((unpack for magic, unpack in _UNPACKERS.items() if head.startswith(magic)), None)
        is_zip, is_tar = head.startswith(_ZIP_MAGICS), head[_TAR_MAGIC_AT:].startswith(b"ustar")
        if not (unpack or is_zip or is_tar):
            yield Member(label, cast(BinaryIO, stream))
            return
        if depth >= self._limits.max_depth:
            raise DataError(f"{label}: packed more than {depth} times over: unpack it and give the CSV")
        if unpack:
            with _translating(label):
                unpacked = unpack(cast(BinaryIO, stream))
            layer = _Layer(unpacked, label, self.count_unpacked, stream.seekable())
            yield from self.open(_buffered(layer), label, depth + 1)
        elif is_zip:
            yield from self._open_zip(stream, label, depth + 1)
        else:
            yield from self._open_tar(stream, label, depth + 1)

    def _open_zip(self, stream: io.BufferedReader, label: str, depth: int) -> Iterator[Member | SkippedMember]:
        if not stream.seekable():
            raise DataError(f"{label}: a zip can't be read from a stream without seeking: unpack it first")
        with _translating(label, hint="the list of members at the end is missing or damaged"):
            archive = zipfile.ZipFile(cast(IO[bytes], stream))
        infos: dict[str, zipfile.ZipInfo] = {}
        for info in archive.infolist():
            self._count_member()
            reason = _reason_against_zip_member(info)
            if reason:
                yield SkippedMember(_joined(label, info.filename), reason)
            elif info.filename in infos:
                yield SkippedMember(_joined(label, info.filename), "a second member of the same name")
            elif not info.is_dir():
                infos[info.filename] = info
        choice = choose_members(list(infos), self._preference)
        for skipped in choice.skipped:
            yield SkippedMember(_joined(label, skipped.name), skipped.reason)
        for name in choice.chosen:
            member = _joined(label, name)
            _require_readable_zip_member(infos[name], member)
            with _translating(member):
                source = archive.open(infos[name])
            layer = _Layer(cast(BinaryIO, source), member, self.count_unpacked, is_seekable=True)
            yield from self.open(_buffered(layer), member, depth)

    def _open_tar(self, stream: io.BufferedReader, label: str, depth: int) -> Iterator[Member | SkippedMember]:
        ending = _TarEnding(stream)
        seen: list[str] = []
        read: list[str] = []
        with _translating(label):
            archive = tarfile.open(fileobj=cast(IO[bytes], ending), mode="r|")  # noqa: SIM115 (holds nothing open)
        while True:
            with _translating(label):
                info = archive.next()
            if info is None:
                break
            self._count_member()
            if info.isdir():
                continue
            member = _joined(label, info.name)
            seen.append(info.name)
            reason = _reason_against_tar_member(info) or _reason_in_order(seen, read, self._preference)
            if reason:
                yield SkippedMember(member, reason)
                continue
            read.append(info.name)
            with _translating(member):
                source = archive.extractfile(info)
            layer = _Layer(cast(BinaryIO, source), member, lambda size: None, is_seekable=False)
            yield from self.open(_buffered(layer), member, depth)
        with _translating(label):
            ending.require_complete(cast(BinaryIO, archive.fileobj), label)


def _reason_in_order(seen: Sequence[str], read: Sequence[str], preference: Sequence[str]) -> str:
    """Why not to read the last of `seen`, when the names after it are not known and those of `read` are past."""
    name = seen[-1]
    reason = next((each.reason for each in choose_members(seen, preference).skipped if each.name == name), "")
    known = _well_known(name)
    if not reason and known in _NO_SOURCES:
        return "holds no pictures"
    best = next((each for each in read if _well_known(each) in preference and _well_known(each) != "test.csv"), None)
    if not reason and known and best and _base_name(best) != _base_name(name):
        return _reason_beside(best, name, preference)
    return reason


def _reason_against_zip_member(info: zipfile.ZipInfo) -> str:
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a link"
    return _reason_against_path(info.filename)


def _reason_against_tar_member(info: tarfile.TarInfo) -> str:
    if info.issym() or info.islnk():
        return "a link"
    if not info.isreg():
        return "a device or pipe"
    if info.issparse():
        return "a sparse file"
    return _reason_against_path(info.name)


def _reason_against_path(name: str) -> str:
    parts = name.replace("\\", "/").split("/")
    is_unsafe = ".." in parts or parts[0] == "" or parts[0].endswith(":")
    return "a path that leads out of the archive" if is_unsafe else ""


def _require_readable_zip_member(info: zipfile.ZipInfo, member: str) -> None:
    if info.flag_bits & _ENCRYPTED_FLAG:
        raise DataError(f"{member}: is encrypted: unpack it with its password and give the CSV")
    if info.compress_type not in _READABLE_ZIP_METHODS:
        raise DataError(
            f"{member}: packed by zip method {info.compress_type}, expected stored (0) or deflated (8):"
            " unpack it and give the CSV"
        )


def _refuse_unreadable_form(head: bytes, label: str) -> None:
    for magic, form in _UNREADABLE_FORMS.items():
        if head.startswith(magic):
            raise DataError(f"{label}: a {form} can't be read: unpack it and give the CSV")


def _joined(label: str, name: str) -> str:
    """A label for a member: relative, printable, and with the archive in front."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    relative = "/".join(parts).encode("utf-8", "backslashreplace").decode("utf-8")
    return f"{label}/" + "".join(each if each.isprintable() else ascii(each)[1:-1] for each in relative)


@contextmanager
def _translating(label: str, hint: str = "") -> Iterator[None]:
    """Turn what the unpackers raise into DataError, and let errors of the file system through."""
    try:
        yield
    except (EOFError, tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, gzip.BadGzipFile) as error:
        is_early = isinstance(error, EOFError) or "unexpected end of data" in str(error)
        found = "ends early" if is_early else "is damaged"
        raise DataError(f"{label}: {found} ({hint or error}): download it again") from error
    except (struct.error, NotImplementedError, RuntimeError, ValueError, IndexError, OverflowError) as error:
        raise DataError(f"{label}: is damaged ({error}): download it again") from error
    except OSError as error:
        if type(error) is OSError and error.errno is None:  # bz2's word for damage
            raise DataError(f"{label}: is damaged ({error}): download it again") from error
        raise


class _Layer(io.RawIOBase):
    """A source whose bytes are counted as they flow and whose errors are put into words."""

    def __init__(self, source: BinaryIO, label: str, count: Callable[[int], None], is_seekable: bool) -> None:
        self._source = source
        self._label = label
        self._count = count
        self._is_seekable = is_seekable
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._is_seekable

    def readinto(self, buffer: Any) -> int:
        size = 0
        while size < len(buffer):
            with _translating(self._label):
                chunk = self._source.read(len(buffer) - size)
            if not chunk:
                break
            buffer[size : size + len(chunk)] = chunk
            size += len(chunk)
            self._position += len(chunk)
            self._count(len(chunk))
        return size

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Seek by unpacking and counting what lies between, from the start if need be: for a zip within a zip."""
        target = offset + (self._position if whence == io.SEEK_CUR else 0)
        if whence == io.SEEK_END:
            self._skip(None)
            target = self._position + offset
        if target < self._position:
            self._position = 0
            with _translating(self._label):
                self._source.seek(0)
        self._skip(target - self._position)
        return self._position

    def _skip(self, size: int | None) -> None:
        buffer = bytearray(_CHUNK_BYTES)
        while size is None or size > 0:
            wanted = len(buffer) if size is None else min(size, len(buffer))
            done = self.readinto(memoryview(buffer)[:wanted])
            if done == 0:
                return
            size = None if size is None else size - done


class _FileLayer(_Layer):
    """The file itself, which finds any place by itself."""

    def tell(self) -> int:
        return self._source.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._source.seek(offset, whence)


def _buffered(layer: _Layer) -> io.BufferedReader:
    return io.BufferedReader(layer, _CHUNK_BYTES)


class _TarEnding:
    """Passes a tar on to `tarfile`, which takes a damaged header, or the want of an end, for the end."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self._last_block = b""

    def read(self, size: int) -> bytes:
        chunk = self._stream.read(size)
        self._last_block = (self._last_block + chunk)[-_TAR_BLOCK_BYTES:]
        return chunk

    def require_complete(self, rest: BinaryIO, label: str) -> None:
        """Read `rest`, what is behind the last member: no more than zeros, and a block of them."""
        while chunk := rest.read(_CHUNK_BYTES):
            if chunk.strip(b"\0"):
                raise DataError(f"{label}: is damaged (a member's header can't be read): download it again")
        if self._last_block.strip(b"\0"):
            raise DataError(f"{label}: ends early (no end of the archive): download it again")
