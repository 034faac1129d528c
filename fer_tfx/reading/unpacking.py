"""Streams of packed files and tars: bytes are counted as they flow and faults are put into words.

`tarfile` bounds neither the headers before a member nor their number, so here it parses single blocks only.
"""

import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fer_tfx.errors import DataError

_CHUNK_BYTES = 1 << 16
TAR_BLOCK_BYTES = 512
XZ_MEMORY_BYTES = 100_000_000  # `xz -9` takes 68 MB
_OUT_OF_MEMORY = "Memory usage limit"  # liblzma's word
_IS_EXTENDED_AT, _GOES_ON_AT = 482, 504  # whether another block of GNU's map of holes follows
_PAX_TYPES = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)
_EXTENSION_TYPES = (*_PAX_TYPES, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XGLTYPE)
_MAX_LENGTH_DIGITS = 20  # of a record in a pax header


@contextmanager
def translating(label: str, hint: str = "") -> Iterator[None]:
    """Turn what the unpackers raise into DataError, and let errors of the file system through."""
    try:
        yield
    except (EOFError, tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error) as error:
        if _OUT_OF_MEMORY in str(error):
            raise DataError(
                f"{label}: packed so that it takes more than {XZ_MEMORY_BYTES // 1_000_000} MB of memory to unpack:"
                " unpack it and give the CSV"
            ) from error
        found = "ends early" if isinstance(error, EOFError) else "is damaged"
        raise DataError(f"{label}: {found} ({hint or error}): download it again") from error
    except (struct.error, NotImplementedError, RuntimeError, ValueError, IndexError, OverflowError) as error:
        raise DataError(f"{label}: is damaged ({error}): download it again") from error
    except OSError as error:
        if type(error) is OSError and error.errno is None:  # bz2's word for damage
            raise DataError(f"{label}: is damaged ({error}): download it again") from error
        raise


class Unpacked:
    """A gz, xz or bz2 file, unpacked as it is read: one packed stream or several, and perhaps zeros behind them."""

    def __init__(self, packed: io.BufferedReader, make_unpacker: Callable[[], Any]) -> None:
        self._packed, self._make_unpacker = packed, make_unpacker
        self._unpacker = make_unpacker()

    def read(self, size: int) -> bytes:
        """Between 1 and `size` bytes; none at the end. Raises EOFError and what the unpacker raises."""
        unpacked = b""
        while not unpacked:
            packed = b""  # the unpacker itself may still hold some
            if self._unpacker.eof:
                packed = self._unpacker.unused_data.lstrip(b"\0")
                while not packed:
                    if not (chunk := self._packed.read(_CHUNK_BYTES)):
                        return b""
                    packed = chunk.lstrip(b"\0")
                self._unpacker = self._make_unpacker()
            elif getattr(self._unpacker, "needs_input", True):
                packed = getattr(self._unpacker, "unconsumed_tail", b"") or self._packed.read(_CHUNK_BYTES)
                if not packed:
                    raise EOFError("no end of the packed data")
            unpacked = self._unpacker.decompress(packed, size)
        return unpacked

    def seek(self, offset: int) -> None:
        """Go to the start: `offset` is 0."""
        self._packed.seek(offset)
        self._unpacker = self._make_unpacker()


class ShortReads:
    """A zip for `zipfile`, which reads its list of members in one piece: `count` is called first, and may raise."""

    def __init__(self, stream: io.BufferedReader, count: Callable[[int], None]) -> None:
        self._stream, self._count = stream, count
        self.seek, self.tell, self.seekable = stream.seek, stream.tell, stream.seekable

    def read(self, size: int = -1) -> bytes:
        if size > _CHUNK_BYTES:
            self._count(size)
        return self._stream.read(size)


class Layer(io.RawIOBase):
    """A source whose bytes are counted as they flow and whose errors are put into words."""

    def __init__(self, source: Any, label: str, count: Callable[[int], None], is_seekable: bool) -> None:
        self._source, self._label, self._count, self._is_seekable = source, label, count, is_seekable
        self._position = 0

    def buffered(self) -> io.BufferedReader:
        return io.BufferedReader(self, _CHUNK_BYTES)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._is_seekable

    def readinto(self, buffer: Any) -> int:
        size = 0
        while size < len(buffer):
            with translating(self._label):
                chunk = self._source.read(min(len(buffer) - size, _CHUNK_BYTES))
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
        """Unpack and count what lies between, from the start if need be: for a zip within a zip."""
        target = offset + (self._position if whence == io.SEEK_CUR else 0)
        if whence == io.SEEK_END:
            while self.read(_CHUNK_BYTES):
                pass
            target = self._position + offset
        if target < self._position:
            self._position = 0
            with translating(self._label):
                self._source.seek(0)
        while self._position < target and self.read(min(target - self._position, _CHUNK_BYTES)):
            pass
        return self._position


class FileLayer(Layer):
    """The file itself, which can seek."""

    def tell(self) -> int:
        return int(self._source.tell())

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET and offset < 0:  # as a damaged zip says; a file's own word would be "Invalid argument"
            raise ValueError("a place before the start of the file")
        return int(self._source.seek(offset, whence))


class Content:
    """The bytes of one member, to be read before the next member is asked for."""

    def __init__(self, stream: io.BufferedReader, size: int) -> None:
        self._stream, self._left, self._padding = stream, size, -size % TAR_BLOCK_BYTES

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; none at the member's end. Raises EOFError: the archive ends before."""
        chunk = _read_whole(self._stream, min(size, self._left))
        self._left -= len(chunk)
        return chunk

    def skip_rest(self) -> None:
        """Go to the next header. Raises EOFError."""
        while self.read(_CHUNK_BYTES):
            pass
        _read_whole(self._stream, self._padding)


def iter_tar(
    stream: io.BufferedReader, label: str, count_header: Callable[[int], None]
) -> Iterator[tuple[tarfile.TarInfo, Content]]:
    """Yield each member, folders and links too; a sparse one as it is stored. Raises DataError.

    `count_header` takes the size in bytes of each extension of a header before it is read, and may raise.
    """
    while True:
        with translating(label):
            info = _read_member(stream, count_header)
            if info is None:
                break
            has_content = info.isreg() or info.type not in tarfile.SUPPORTED_TYPES
            content = Content(stream, info.size if has_content else 0)
        yield info, content
        with translating(label):
            content.skip_rest()
    with translating(label):
        while chunk := stream.read(_CHUNK_BYTES):
            if chunk.strip(b"\0"):
                raise tarfile.ReadError("more than zeros behind its end")


def _read_member(stream: io.BufferedReader, count_header: Callable[[int], None]) -> tarfile.TarInfo | None:
    """The next member by its header and the extensions before it; None at the end."""
    extended: dict[bytes, bytes] = {}
    while True:
        block = _read_whole(stream, TAR_BLOCK_BYTES)
        if not block.strip(b"\0"):
            return None
        info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        if info.size < 0:
            raise tarfile.ReadError("a header or member of negative size")
        if info.type not in _EXTENSION_TYPES:
            break
        count_header(TAR_BLOCK_BYTES + info.size)
        extension = _read_whole(stream, info.size)
        _read_whole(stream, -info.size % TAR_BLOCK_BYTES)
        if info.type == tarfile.GNUTYPE_LONGNAME:
            extended[b"path"] = extension.partition(b"\0")[0]
        elif info.type in _PAX_TYPES:
            extended.update(_iter_pax_records(extension))
    info.name = extended.get(b"path", b"").decode("utf-8", "surrogateescape").rstrip("/") or info.name
    info.size = int(extended.get(b"size", info.size))
    if info.size < 0:
        raise tarfile.ReadError("a member of negative size")
    if info.type == tarfile.GNUTYPE_SPARSE:
        goes_on = block[_IS_EXTENDED_AT]
        while goes_on:
            count_header(TAR_BLOCK_BYTES)
            goes_on = _read_whole(stream, TAR_BLOCK_BYTES)[_GOES_ON_AT]
    if info.type == tarfile.GNUTYPE_SPARSE or any(each.startswith(b"GNU.sparse.") for each in extended):
        info.sparse = b""  # what `issparse` asks for
    return info


def _iter_pax_records(records: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield keyword and value of records such as `20 path=a/train.csv`: POSIX.1-2017, "pax Extended Header"."""
    start = 0
    while start < len(records) and records[start]:
        space = records.index(b" ", start, start + _MAX_LENGTH_DIGITS)
        end = start + int(records[start:space])
        keyword, equals, value = records[space + 1 : end].partition(b"=")
        if not (space < end <= len(records) and equals and value.endswith(b"\n")):
            raise tarfile.ReadError("a wrong record in a pax header")
        yield keyword, value[:-1]
        start = end


def _read_whole(stream: io.BufferedReader, size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise EOFError("no end of the archive")
    return content
