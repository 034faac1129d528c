"""Which SavedModels may be loaded. A SavedModel is a program, so its origin must be known, as ssh must know its hosts.

The file `known_models` in the user's state folder holds one model a line: the SHA-256 of its files, why and when it was
noted, and where it lay. It is the user's own: whoever may write it may have any program run.
"""

import fcntl
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from fer_tfx.errors import DataError, FerError
from fer_tfx.shipped import compute_digest, find_shipped_model, list_files

KNOWN_FILE = "known_models"
PUSHED, TRUSTED = "pushed", "trusted"
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True)
class KnownModels:
    """The models that runs here have pushed, or that the user has confirmed.

    Args:
        folder: of the file; need not exist.
    """

    folder: Path

    @classmethod
    def of_user(cls) -> "KnownModels":
        """Those of whoever runs this process."""
        from platformdirs import user_state_path

        return cls(user_state_path("fer-tfx"))

    @property
    def path(self) -> Path:
        return self.folder / KNOWN_FILE

    def knows(self, digest: str) -> bool:
        """Whether a model was noted. A file that can't be read knows none.

        Raises:
            DataError: others may write the file, so nothing in it can be believed.
        """
        try:
            if self.path.stat().st_mode & _OTHERS_MAY_WRITE:
                raise DataError(f"{self.path}: others may write it, so it vouches for nothing; look through it, then"
                                " take that right away (`chmod 600`)")  # fmt: skip
            return digest in self._read_digests()
        except OSError:
            return False

    def add(self, digest: str, origin: str, model: Path) -> None:
        """Note a model for good; one that is noted already stays as it is.

        Args:
            digest: of `compute_model_digest`.
            origin: PUSHED or TRUSTED.
            model: where it lies, for a person who reads the file.

        Raises:
            OSError: the file can't be written.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked():
            if digest not in self._read_digests():
                line = f"{digest} {origin} {datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ} {json.dumps(str(model))}\n"
                self._replace(self._read_text() + line)

    def _read_text(self) -> str:
        return self.path.read_text("utf-8", errors="replace") if self.path.exists() else ""

    def _read_digests(self) -> set[str]:
        return {line.partition(" ")[0] for line in self._read_text().splitlines()}

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time: each writes the whole file."""
        with os.fdopen(os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600), "w") as holder:
            fcntl.flock(holder, fcntl.LOCK_EX)
            yield

    def _replace(self, text: str) -> None:
        """In one step, so that a reader never sees half a file; no right of an earlier file is taken over."""
        partial = self.folder / f".{KNOWN_FILE}.partial"
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        partial.replace(self.path)


def compute_model_digest(model: Path) -> str:
    """The SHA-256 over the names and digests of all files below a SavedModel, in hexadecimal digits.

    Raises:
        DataError: a file can't be read, or a linked folder would not be covered.
    """
    linked = next((path for path in model.rglob("*") if path.is_symlink() and path.is_dir()), None)
    if linked:
        raise DataError(f"{linked}: is a link to a folder, which no digest of the model would cover; copy it in")
    try:
        # As JSON, since a file's name may hold line breaks.
        digests = json.dumps({name: compute_digest(model / name) for name in list_files(model)})
    except OSError as error:
        raise DataError(f"{error.filename}: can't be read: {error.strerror}; mend its rights") from None
    return hashlib.sha256(digests.encode()).hexdigest()


def require_known(model: Path, known: KnownModels) -> None:
    """Raise DataError unless a SavedModel equals the shipped one, or one that was pushed here or confirmed."""
    digest = compute_model_digest(model)
    if not known.knows(digest) and not _is_shipped(digest):
        raise DataError(
            f"{model}: a SavedModel of unknown origin (SHA-256 {digest[:16]}...), and it is a program that can read"
            " and write your files; if you know where it comes from, give --trust once"
        )


def note_model(model: Path, origin: str, known: KnownModels) -> str:
    """Note a SavedModel; empty, or one line that says why that failed: it is no reason to stop.

    Raises:
        DataError: a file of the model can't be read.
    """
    digest = compute_model_digest(model)
    try:
        known.add(digest, origin, model)
    except OSError as error:
        return (
            f"{known.path}: can't be written: {error.strerror}; without it only the shipped model is known,"
            " and any other needs --trust each time"
        )
    return ""


def _is_shipped(digest: str) -> bool:
    """Whether it is the digest of the model that comes with the package."""
    with suppress(FerError):
        return digest == compute_model_digest(find_shipped_model())
    return False
