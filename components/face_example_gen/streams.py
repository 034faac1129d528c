"""Streams of packed files: their bytes are counted as they flow and their faults are put into words."""

import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from schema.errors import DataError

TAR_BLOCK_BYTES = 512
_CHUNK_BYTES = 1 << 16


@contextmanager
def translating(label: str, hint: str = "") -> Iterator[None]:
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
        return self._source.seek(offset, whence)


def buffered(layer: Layer) -> io.BufferedReader:
    return io.BufferedReader(layer, _CHUNK_BYTES)


class TarEnding:
    """Passes a tar on to `tarfile`, which takes a damaged header, or the want of an end, for the end."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self._last_block = b""

    def read(self, size: int) -> bytes:
        chunk = self._stream.read(size)
        self._last_block = (self._last_block + chunk)[-TAR_BLOCK_BYTES:]
        return chunk

    def require_complete(self, rest: BinaryIO, label: str) -> None:
        """Read `rest`, what is behind the last member: no more than zeros, and a block of them."""
        while chunk := rest.read(_CHUNK_BYTES):
            if chunk.strip(b"\0"):
                raise DataError(f"{label}: is damaged (a member's header can't be read): download it again")
        if self._last_block.strip(b"\0"):
            raise DataError(f"{label}: ends early (no end of the archive): download it again")
