"""The versions of a model in a bucket, where nothing can be renamed in one step.

    <folder>/1764000000/saved_model.pb   written last, removed first: a version without it doesn't count
    <folder>/rolled_back/<number>/       as in a local folder, as are roll_backs.json and models.config

Rules and order are those of `fer_tfx.versions`; this is how they are stored. A version is moved by a copy and a
removal. Killed in between, it is in both places or incomplete, and `roll_backs.json`, which is replaced in one step,
says which one counts.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path

import tensorflow as tf
from absl import logging
from tfx.dsl.io import fileio
from tfx.utils import io_utils

from components.remote_files import is_remote, read_files, replace_file
from fer_tfx.errors import DataError
from fer_tfx.versions.folder import VersionFolder, is_whole
from fer_tfx.versions.model_digest import GRAPH_FILE
from fer_tfx.versions.versions import LOADED_COUNT, ServedModel, Versions

_GRAPH_PATTERN = r"/saved_model\.pb$"
_FAILURES = (OSError, tf.errors.OpError, fileio.NotFoundError)


class BucketVersions(Versions):
    """The versions of one model below a URI. See `Versions`."""

    path: str

    @contextmanager
    def _translated(self, problem: str, remedy: str) -> Iterator[None]:
        try:
            yield
        except _FAILURES as error:
            found = next(iter(str(error).splitlines()), "") or type(error).__name__
            raise DataError(f"{self.path}: {problem}: {found}; {remedy}") from None

    def _explained(self) -> AbstractContextManager[None]:
        return self._translated("can't be written", "correct the account's rights")

    def _reading(self) -> AbstractContextManager[None]:
        return self._translated("can't be read", "correct the URI, or the account's rights")

    def _locate(self, name: str) -> str:
        return os.path.join(self.path, name)

    def _list_numbers(self, folder: str) -> list[int]:
        place = self._locate(folder)
        with self._reading():
            if not fileio.isdir(place):
                return []
            # In a bucket the names of folders end with a slash.
            names = [name.rstrip("/") for name in fileio.listdir(place)]
        return sorted(int(name) for name in names if name.isascii() and name.isdecimal())

    def _exists(self, name: str) -> bool:
        with self._reading():
            return bool(fileio.exists(self._locate(name)))

    def _read_files(self, model: str) -> Iterator[tuple[str, bytes]]:
        return read_files(model)

    def _read_text(self, name: str) -> str:
        with self._reading():
            try:
                return str(io_utils.read_string_file(self._locate(name)))
            except (FileNotFoundError, fileio.NotFoundError, tf.errors.NotFoundError):
                return ""

    def _write_text(self, name: str, text: str) -> None:
        replace_file(self._locate(name), text)

    def _add(self, source: str, version: int) -> None:
        try:
            _copy(source, self._locate(str(version)))
        except BaseException:
            self._drop(str(version))
            raise

    def _require_writable(self, names: list[str]) -> None:
        """Rights hold for a whole bucket: the first write shows them."""

    def _move(self, name: str, to: str) -> None:
        if self._exists(f"{name}/{GRAPH_FILE}"):
            _copy(self._locate(name), self._locate(to))
        self._remove(name)

    def _remove(self, name: str) -> None:
        if self._exists(f"{name}/{GRAPH_FILE}"):
            fileio.remove(self._locate(f"{name}/{GRAPH_FILE}"))
        self._drop(name)

    def _drop(self, name: str) -> None:
        try:
            fileio.rmtree(self._locate(name))
        except _FAILURES as error:
            logging.warning("%s: can't be removed: %s", self._locate(name), error)

    def _clean_up(self) -> None:
        """A version without graph that is older than the kept ones isn't being pushed, as numbers grow."""
        whole = self._list_whole("")
        for version in self._list_numbers(""):
            if version not in whole and len([each for each in whole if each > version]) >= LOADED_COUNT:
                self._drop(str(version))


def open_versions(
    folder: str, model: ServedModel, sleep: Callable[[float], None] = time.sleep
) -> BucketVersions | VersionFolder:
    """The versions in a folder, path or URI."""
    return BucketVersions(folder, model, sleep) if is_remote(folder) else VersionFolder(Path(folder), model, sleep)


def find_rolled_back(pushed: Mapping[str, str]) -> set[str]:
    """The pushed versions that were taken out of service, or whose model was.

    `pushed` has the digest of the model, empty if unknown, by path or URI: <folder>/<version>. Raises DataError if the
    record of a folder can't be read.
    """
    read_roll_backs = cache(lambda folder: open_versions(folder, ServedModel("", "")).read_roll_backs())
    found = set()
    for destination, digest in pushed.items():
        folder, _, number = destination.rstrip("/").rpartition("/")
        record = read_roll_backs(folder)
        if number in map(str, record.versions) or digest in record.digests:
            found.add(destination)
    return found


def is_destination_whole(destination: str) -> bool:
    """Whether a pushed version, path or URI, is there with all its files, in service or not."""
    if not is_remote(destination):
        return is_whole(Path(destination))
    return bool(destination) and fileio.exists(os.path.join(destination, GRAPH_FILE))


def _copy(source: str, target: str) -> None:
    io_utils.copy_dir(source, target, deny_regex_patterns=[_GRAPH_PATTERN])
    fileio.copy(os.path.join(source, GRAPH_FILE), os.path.join(target, GRAPH_FILE), overwrite=True)
