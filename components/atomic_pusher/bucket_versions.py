"""The versions of a model in a bucket, where nothing can be renamed in one step.

    <folder>/1764000000/saved_model.pb   written last: a version without it is on its way, or on its way out
    <folder>/models.config               as in a local folder

The counterpart of `serving.versions.VersionFolder`. Nothing is rolled back here: a caller pins a version instead.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf
from absl import logging
from tfx.dsl.io import fileio
from tfx.utils import io_utils

from components.local_copy import is_remote
from schema.errors import DataError
from serving.versions import CONFIG_FILE, ServedModel, format_config, is_rolled_back

_GRAPH_FILE, _GRAPH_PATTERN = "saved_model.pb", r"/saved_model\.pb$"
_FAILURES = (OSError, tf.errors.OpError, fileio.NotFoundError)


@dataclass(frozen=True)
class BucketVersions:
    """The versions of one model below a URI.

    Args:
        uri: of the folder, which need not exist yet.
        model: what goes into `models.config`.
    """

    uri: str
    model: ServedModel

    def list_served(self) -> list[int]:
        """Complete versions, oldest first; the last one is served."""
        return [each for each in self._list_numbers() if fileio.exists(os.path.join(self._place(each), _GRAPH_FILE))]

    def push(self, source: str, now_s: float) -> int:
        """Copy a SavedModel; its version is the time, or one more than the newest there is.

        Args:
            source: folder or URI of the SavedModel.
            now_s: seconds since 1970.

        Raises:
            DataError: the bucket can't be written to. What was copied so far is removed.
        """
        with self._explained():
            version = max([int(now_s), *(each + 1 for each in self._list_numbers())])
            try:
                self._copy(source, self._place(version))
            except BaseException:
                self._remove(version)
                raise
            self.write_config()
        return version

    def forget(self, keep: int) -> list[int]:
        """Remove all but the `keep` newest complete versions; the removed ones.

        Raises:
            DataError: the bucket can't be written to.
        """
        with self._explained():
            doomed = self.list_served()[:-keep]
            for version in doomed:
                # First of all: a version that is half removed is then none any more.
                fileio.remove(os.path.join(self._place(version), _GRAPH_FILE))
                self._remove(version)
            if doomed:
                self.write_config()
        return doomed

    def write_config(self) -> None:
        """Write `models.config` for the versions that are there."""
        text = format_config(self.model, self.list_served()[-2:])
        place = os.path.join(self.uri, CONFIG_FILE)
        # A bucket replaces an object in one step anyhow; HDFS only by a rename.
        io_utils.write_string_file(f"{place}.partial", text)
        fileio.rename(f"{place}.partial", place, overwrite=True)

    def _place(self, version: int) -> str:
        return os.path.join(self.uri, str(version))

    def _list_numbers(self) -> list[int]:
        """Whole versions and others."""
        if not fileio.isdir(self.uri):
            return []
        # A bucket ends the names of folders with a slash.
        names = (name.rstrip("/") for name in fileio.listdir(self.uri))
        return sorted(int(name) for name in names if name.isdecimal())

    @staticmethod
    def _copy(source: str, target: str) -> None:
        io_utils.copy_dir(source, target, deny_regex_patterns=[_GRAPH_PATTERN])
        fileio.copy(os.path.join(source, _GRAPH_FILE), os.path.join(target, _GRAPH_FILE))

    def _remove(self, version: int) -> None:
        try:
            fileio.rmtree(self._place(version))
        except _FAILURES as error:
            logging.warning("%s: can't be removed: %s", self._place(version), error)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except _FAILURES as error:
            found = next(iter(str(error).splitlines()), "") or type(error).__name__
            raise DataError(f"{self.uri}: can't be written: {found}; mend the rights of the account") from None


def is_destination_rolled_back(destination: str) -> bool:
    """Whether a version that was pushed to <folder>/<version> has been taken out of service."""
    return is_rolled_back(Path(destination)) if not is_remote(destination) else False
