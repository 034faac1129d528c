"""The members of a tar, in the order in which they stand.

`tarfile` reads names and records that stand before a member whole, however long they are, and follows a chain of them
by recursion. Here it parses single blocks only.
"""

import io
import tarfile
from collections.abc import Callable, Iterator

from fer_tfx.reading.streams import translating

TAR_BLOCK_BYTES = 512
_CHUNK_BYTES = 1 << 16

_IS_EXTENDED_AT, _GOES_ON_AT = 482, 504  # whether another block of GNU's map of holes follows
_PAX_TYPES = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)
_PASSED_OVER_TYPES = (tarfile.GNUTYPE_LONGLINK, tarfile.XGLTYPE)
_MAX_LENGTH_DIGITS = 20  # of a record in a pax header


class Content:
    """The bytes of one member, to be read before the next member is asked for."""

    def __init__(self, stream: io.BufferedReader, size: int) -> None:
        self._stream = stream
        self._left = size
        self._padding = -size % TAR_BLOCK_BYTES

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; none at the member's end. Raises EOFError: the archive ends before."""
        chunk = _read_whole(self._stream, min(size, self._left))
        self._left -= len(chunk)
        return chunk

    def pass_over(self) -> None:
        """Go to the next header. Raises EOFError."""
        while self.read(_CHUNK_BYTES):
            pass
        _read_whole(self._stream, self._padding)


def iter_tar(
    stream: io.BufferedReader, label: str, count_header: Callable[[int], None]
) -> Iterator[tuple[tarfile.TarInfo, Content]]:
    """Yield each member, folders and links too; of a sparse one the bytes as they are stored.

    Args:
        stream: at the first header.
        label: what to call the archive in messages.
        count_header: is told the size in bytes of each extension of a header before it is read, and may raise.

    Raises:
        DataError: the archive is damaged, ends early, or something other than zeros stands behind its end.
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
            content.pass_over()
    with translating(label):
        while chunk := stream.read(_CHUNK_BYTES):
            if chunk.strip(b"\0"):
                raise tarfile.ReadError("something stands behind its end")


def _read_member(stream: io.BufferedReader, count_header: Callable[[int], None]) -> tarfile.TarInfo | None:
    """The next member by its header and the extensions before it; None at the end."""
    name, is_sparse = "", False
    size: int | None = None
    while True:
        block = _read_whole(stream, TAR_BLOCK_BYTES)
        if not block.strip(b"\0"):
            return None
        info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        if info.type in _PAX_TYPES:
            for keyword, value in _iter_pax_records(_read_extension(stream, info, count_header)):
                if keyword == b"path":
                    name = value.decode("utf-8", "surrogateescape").rstrip("/")
                elif keyword == b"size":
                    size = int(value)
                is_sparse = is_sparse or keyword.startswith(b"GNU.sparse.")
        elif info.type == tarfile.GNUTYPE_LONGNAME:
            text = _read_extension(stream, info, count_header).partition(b"\0")[0]
            name = text.decode("utf-8", "surrogateescape")
        elif info.type in _PASSED_OVER_TYPES:
            _read_extension(stream, info, count_header)
        else:
            break
    info.name = name or info.name
    info.size = info.size if size is None else size
    if info.size < 0:
        raise tarfile.ReadError("a member of negative size")
    if info.type == tarfile.GNUTYPE_SPARSE:
        _pass_over_map(stream, block, count_header)
    if is_sparse or info.type == tarfile.GNUTYPE_SPARSE:
        info.sparse = b""  # what `issparse` asks for
    return info


def _read_extension(stream: io.BufferedReader, info: tarfile.TarInfo, count_header: Callable[[int], None]) -> bytes:
    if info.size < 0:
        raise tarfile.ReadError("a header of negative size")
    count_header(TAR_BLOCK_BYTES + info.size)
    content = _read_whole(stream, info.size)
    _read_whole(stream, -info.size % TAR_BLOCK_BYTES)
    return content


def _iter_pax_records(records: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keywords and values of records such as `20 path=a/train.csv` and a line end; each begins with its own length.

    The form is that of POSIX.1-2017, pax, "pax Extended Header".
    """
    start = 0
    while start < len(records) and records[start]:
        space = records.index(b" ", start, start + _MAX_LENGTH_DIGITS)
        end = start + int(records[start:space])
        keyword, equals, value = records[space + 1 : end].partition(b"=")
        if not (space < end <= len(records) and equals and value.endswith(b"\n")):
            raise tarfile.ReadError("a wrong record in a pax header")
        yield keyword, value[:-1]
        start = end


def _pass_over_map(stream: io.BufferedReader, header: bytes, count_header: Callable[[int], None]) -> None:
    goes_on = header[_IS_EXTENDED_AT]
    while goes_on:
        count_header(TAR_BLOCK_BYTES)
        goes_on = _read_whole(stream, TAR_BLOCK_BYTES)[_GOES_ON_AT]


def _read_whole(stream: io.BufferedReader, size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise EOFError("no end of the archive")
    return content
