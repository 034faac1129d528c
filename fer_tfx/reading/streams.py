"""Streams of packed files: their bytes are counted as they flow and their faults are put into words."""

import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from fer_tfx.errors import DataError

_CHUNK_BYTES = 1 << 16
XZ_MEMORY_BYTES = 100_000_000  # `xz -9` takes 68 MB
_OUT_OF_MEMORY = "Memory usage limit"  # liblzma's word


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
    """A gz, xz or bz2 file, unpacked as it is read: one packed stream or several, and perhaps zeros behind them.

    `gzip` reads the name in a header byte by byte, and `lzma.LZMAFile` takes no bound on memory.
    """

    def __init__(self, packed: BinaryIO, make_unpacker: Callable[[], Any]) -> None:
        """Begin at the place where `packed` is, with an unpacker of `zlib`, `lzma` or `bz2` for each stream."""
        self._packed = packed
        self._make_unpacker = make_unpacker
        self._unpacker = make_unpacker()

    def read(self, size: int) -> bytes:
        """Between 1 and `size` bytes; none at the end. Raises EOFError and what the unpacker raises."""
        unpacked = b""
        while not unpacked:
            packed = self._read_next_stream() if self._unpacker.eof else self._read_packed()
            if packed is None:
                break
            unpacked = self._unpacker.decompress(packed, size)
        return unpacked

    def _read_packed(self) -> bytes:
        if not getattr(self._unpacker, "needs_input", True):
            return b""  # it holds some
        packed = getattr(self._unpacker, "unconsumed_tail", b"") or self._packed.read(_CHUNK_BYTES)
        if not packed:
            raise EOFError("no end of the packed data")
        return packed

    def _read_next_stream(self) -> bytes | None:
        """Go to the next stream; -> its first bytes, or None if there is none."""
        packed: bytes = self._unpacker.unused_data.lstrip(b"\0")
        while not packed:
            chunk = self._packed.read(_CHUNK_BYTES)
            if not chunk:
                return None
            packed = chunk.lstrip(b"\0")
        self._unpacker = self._make_unpacker()
        return packed

    def seek(self, offset: int) -> None:
        """Go to the start: `offset` is 0."""
        self._packed.seek(offset)
        self._unpacker = self._make_unpacker()


class ShortReads:
    """A zip for `zipfile`, which reads the list of its members in one piece, however long it is said to be."""

    def __init__(self, stream: io.BufferedReader, count: Callable[[int], None]) -> None:
        """`count` is told the size of each longer read before it is done, and may raise."""
        self._stream = stream
        self._count = count
        self.seek, self.tell, self.seekable = stream.seek, stream.tell, stream.seekable

    def read(self, size: int = -1) -> bytes:
        if size > _CHUNK_BYTES:
            self._count(size)
        return self._stream.read(size)


class Layer(io.RawIOBase):
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
        """Seek by unpacking and counting what lies between, from the start if need be: for a zip within a zip."""
        target = offset + (self._position if whence == io.SEEK_CUR else 0)
        if whence == io.SEEK_END:
            self._skip(None)
            target = self._position + offset
        if target < self._position:
            self._position = 0
            with translating(self._label):
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


class FileLayer(Layer):
    """The file itself, which finds any place by itself."""

    def tell(self) -> int:
        return self._source.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET and offset < 0:  # as a damaged zip says; a file's own word would be "Invalid argument"
            raise ValueError("a place before the start of the file")
        return self._source.seek(offset, whence)


def buffered(layer: Layer) -> io.BufferedReader:
    return io.BufferedReader(layer, _CHUNK_BYTES)
