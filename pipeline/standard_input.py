"""`-` as the path of data: standard input, kept in a file, as a run reads it more than once and may resume."""

import hashlib
import os
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from configs.spec import DataConfig
from fer_tfx.errors import ConfigError, DataError
from fer_tfx.reading.forms import HEAD_BYTES, lists_pictures
from pipeline.inputs import look_into_input
from pipeline.runners.work_folder import FULL_ERRORS, explain_unwritable

_NAME = "standard_input"
_CHUNK_BYTES = 1 << 20


def keep_standard_input(config: DataConfig, folder: Path) -> DataConfig:
    """The same settings with a file below `folder` in place of `-`: the same file for the same content.

    Raises ConfigError, DataError: it can't be used; FerError: the disk is full; then no file is kept.
    """
    if "-" not in (config.path, config.unlabelled_path):
        return config
    if config.path == config.unlabelled_path:
        raise ConfigError("`-` is given twice, and standard input can be read only once")
    if sys.stdin.isatty():
        raise DataError("standard input is a terminal: send a file, as in `fer-tfx run --data - < fer2013.csv`")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder) as temporary:
            spooled = Path(temporary, _NAME)
            digest = _spool(spooled)
            look_into_input(_with_file(config, spooled))
            kept = folder / digest[:16] / _NAME
            kept.parent.mkdir(exist_ok=True)
            # By its time of change, TFX's cache knows that it is the same; a crash may have damaged it.
            if not kept.exists() or _digest(kept) != digest:
                spooled.replace(kept)
    except OSError as error:
        if error.errno not in FULL_ERRORS:
            raise
        raise explain_unwritable(folder, error) from None
    return _with_file(config, kept)


def _spool(path: Path) -> str:
    """Write standard input to a file; -> its SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        while chunk := sys.stdin.buffer.read(_CHUNK_BYTES):
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        raise DataError("standard input is empty: send a CSV, or another file of data")
    if lists_pictures(head, _NAME, classes=None):
        raise DataError("standard input names pictures by paths, which are relative to a file: give the file itself")
    return digest.hexdigest()


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _with_file(config: DataConfig, path: Path) -> DataConfig:
    return replace(config, path=str(path)) if config.path == "-" else replace(config, unlabelled_path=str(path))
