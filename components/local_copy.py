"""Folders that may lie in a bucket, for what can read this machine's files only."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from tfx.utils import io_utils


def is_remote(uri: str) -> bool:
    """Whether `uri` names a bucket or another file system than this machine's."""
    return "://" in uri


@contextmanager
def local_copy(folder: str) -> Iterator[str]:
    """The folder itself if it is a local one, else a copy that lasts as long as the context.

    Args:
        folder: path or URI.
    """
    if not is_remote(folder):
        yield folder
        return
    with tempfile.TemporaryDirectory() as temporary:
        copy = os.path.join(temporary, "copy")
        io_utils.copy_dir(folder, copy)
        yield copy
