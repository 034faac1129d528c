"""Folders that may be in a bucket."""

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from tfx.dsl.io import fileio
from tfx.utils import io_utils


def is_remote(uri: str) -> bool:
    """Whether `uri` names a bucket or another file system than this machine's."""
    return "://" in uri


@contextmanager
def local_copy(folder: str) -> Iterator[str]:
    """A local folder itself, else a copy of it until the context ends."""
    if not is_remote(folder):
        yield folder
        return
    with tempfile.TemporaryDirectory() as temporary:
        copy = os.path.join(temporary, "copy")
        io_utils.copy_dir(folder, copy)
        yield copy


def replace_file(path: str, text: str) -> None:
    """Write a text in one step: readers see the old one or the new one."""
    partial = f"{path}.{uuid.uuid4().hex}.partial"  # for other runs may write it too
    # A bucket replaces an object in one step anyway; HDFS only by a rename.
    io_utils.write_string_file(partial, text)
    fileio.rename(partial, path, overwrite=True)


def read_files(folder: str) -> Iterator[tuple[str, bytes]]:
    """Name, with `/`, and content of each file below a folder."""
    paths = sorted(os.path.join(root, name) for root, _, names in fileio.walk(folder) for name in names)
    return ((os.path.relpath(path, folder), bytes(io_utils.read_bytes_file(path))) for path in paths)
