"""Models on disk: those that come with the package, and which SavedModels may be loaded.

A SavedModel is a program, so its origin must be known, as ssh must know its hosts. The file `known_models` in the
user's state folder holds one model a line: the SHA-256 of its files, why and when it was noted, and where it lay.
"""

import hashlib
import json
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import resources
from pathlib import Path

from fer_tfx.contract import EXTRA_ASSETS_DIR, LIGHT_MODEL_FILE
from fer_tfx.errors import ConfigError, DataError, FerError
from fer_tfx.files import replacing

SHIPPED_FOLDER = "shipped_model"
SMALL, ACCURATE = "small", "accurate"
_LIGHT_FOLDERS = {SMALL: "light_model", ACCURATE: "light_model_accurate"}
SHIPPED_NAMES = tuple(_LIGHT_FOLDERS)
SUMS_FILE = "SHA256SUMS"
KNOWN_FILE = "known_models"
PUSHED, TRUSTED = "pushed", "trusted"
_GRAPH_FILE = "saved_model.pb"
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
_REMEDY = "install fer-tfx again, or give another model with --model"


def find_model(folder: Path) -> Path:
    """Folder of the model to use: this one, or its version with the largest number. Raises ConfigError."""
    try:
        return _find_model(folder)
    except OSError as error:
        raise ConfigError(f"{folder}: can't be read: {error.strerror}; check the path and its permissions") from None


def _find_model(folder: Path) -> Path:
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder; give a model or a folder of its versions")
    if find_light_form(folder):
        return folder
    if not (folder / _GRAPH_FILE).exists():
        versions = [each for each in folder.iterdir() if each.name.isdecimal() and each.is_dir()]
        folder = max(versions, key=lambda each: int(each.name), default=folder)
    if not (folder / _GRAPH_FILE).is_file():
        raise ConfigError(
            f"{folder}: no model in it ({_GRAPH_FILE} is missing); give the folder `serving` of a run, or one version"
            " in it"
        )
    return folder


def light_folder(name: str = SMALL) -> str:
    """Folder within the package that has the light form of this shipped model. Raises ConfigError."""
    if name not in _LIGHT_FOLDERS:
        raise ConfigError(f"model: expected {' or '.join(_LIGHT_FOLDERS)}, got {name!r}")
    return _LIGHT_FOLDERS[name]


def find_light_form(folder: Path) -> Path | None:
    """Where a model's light form lies: beside its graph, or in a folder of its own; None: it has none."""
    return next((each for each in (folder, folder / EXTRA_ASSETS_DIR) if (each / LIGHT_MODEL_FILE).is_file()), None)


def find_shipped_model(name: str = SHIPPED_FOLDER) -> Path:
    """Folder of the shipped SavedModel or light form, its files checked. Raises ConfigError: none; or DataError."""
    folder = Path(str(resources.files("fer_tfx"))) / name
    if not folder.is_dir():
        raise ConfigError(
            f"no {name} comes with this installation of fer-tfx; give another model, such as the folder `serving` that"
            " `fer-tfx run` writes"
        )
    verify_sums(folder)
    return folder


def write_sums(folder: Path) -> None:
    """List the SHA-256 of every file below `folder` in its file SHA256SUMS, as `sha256sum` does."""
    lines = [f"{compute_digest(folder / name)}  {name}\n" for name in list_files(folder)]
    (folder / SUMS_FILE).write_text("".join(lines), encoding="utf-8")


def verify_sums(folder: Path, remedy: str = _REMEDY) -> None:
    """Raise DataError, naming the file, unless the files below `folder` are those listed in its SHA256SUMS."""
    sums = folder / SUMS_FILE
    try:
        lines = sums.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise DataError(f"{sums}: is missing or can't be read: {remedy}") from None
    if not lines:  # which would prove nothing
        raise DataError(f"{sums}: is empty: {remedy}")
    digests = {}
    for number, line in enumerate(lines, start=1):
        digest, _, name = line.partition("  ")
        if len(digest) != 64 or not name:
            raise DataError(f"{sums}, line {number}: expected a SHA-256, two spaces and a file name: {remedy}")
        digests[name] = digest
    for name, digest in digests.items():
        path = folder / name
        if not path.is_file():
            raise DataError(f"{path}: is missing, and {SUMS_FILE} lists it: {remedy}")
        if (found := compute_digest(path)) != digest:
            raise DataError(f"{path}: has the SHA-256 {found[:16]}..., expected {digest[:16]}...: {remedy}")
    for name in list_files(folder):
        if name not in digests:
            raise DataError(f"{folder / name}: is not listed in {SUMS_FILE}: remove it, or {remedy}")


def list_files(folder: Path) -> list[str]:
    """Every file below `folder` but SHA256SUMS itself, by its relative path, in order."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in names if name != SUMS_FILE)


def compute_digest(path: Path) -> str:
    """The SHA-256 of a file of some MB, in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass(frozen=True)
class KnownModels:
    """The models that runs here have pushed, or that the user has confirmed."""

    folder: Path  # of the file; need not exist

    @classmethod
    def of_user(cls) -> "KnownModels":
        from platformdirs import user_state_path

        return cls(user_state_path("fer-tfx"))

    @property
    def path(self) -> Path:
        return self.folder / KNOWN_FILE

    def knows(self, digest: str) -> bool:
        """Whether a model was noted; no, if the file can't be read. Raises DataError: others may have written it."""
        try:
            self._require_own()
            return digest in self._read_digests()
        except OSError:
            return False

    def add(self, digest: str, origin: str, model: Path) -> None:
        """Note a model of this digest for good: its origin, PUSHED or TRUSTED, and where it lies.

        Raises OSError, or DataError: others may have written what stands there.
        """
        import fcntl  # not on Windows, where the light model works too

        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._require_own()
        with os.fdopen(os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600), "w") as holder:
            fcntl.flock(holder, fcntl.LOCK_EX)  # each writer writes the whole file
            if digest not in self._read_digests():
                time = f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
                with replacing(self.path, mode=0o600) as file:
                    file.write(f"{self._read_text()}{digest} {origin} {time} {json.dumps(str(model))}\n")

    def _require_own(self) -> None:
        """Raise DataError unless folder and file are the user's or root's, and nobody else's to write, as in ssh."""
        for path, mode in ((self.folder, 700), (self.path, 600)):
            if not path.exists():
                return
            status, remedy = path.stat(), "so it can't be trusted; check it, then"
            if status.st_mode & _OTHERS_MAY_WRITE:
                raise DataError(f"{path}: others can write to it, {remedy} run `chmod {mode}` on it")
            if status.st_uid not in {0, os.geteuid()}:
                owner = f"user {status.st_uid}, neither you nor root"
                raise DataError(f"{path}: belongs to {owner}, {remedy} remove it or make it yours")

    def _read_text(self) -> str:
        return self.path.read_text("utf-8", errors="replace") if self.path.exists() else ""

    def _read_digests(self) -> set[str]:
        return {line.partition(" ")[0] for line in self._read_text().splitlines()}


def compute_model_digest(model: Path) -> str:
    """The SHA-256 over the names and digests of all files below a SavedModel, in hex digits. Raises DataError."""
    linked = next((path for path in model.rglob("*") if path.is_symlink() and path.is_dir()), None)
    if linked:
        raise DataError(f"{linked}: is a link to a folder, which no digest of the model would cover; copy it in")
    try:
        # As JSON, since a file's name may hold line breaks.
        digests = json.dumps({name: compute_digest(model / name) for name in list_files(model)})
    except OSError as error:
        raise DataError(f"{error.filename}: can't be read: {error.strerror}; fix its permissions") from None
    return hashlib.sha256(digests.encode()).hexdigest()


def require_known(model: Path, known: KnownModels) -> None:
    """Raise DataError unless a SavedModel equals the shipped one, or one that was pushed here or confirmed."""
    digest = compute_model_digest(model)
    if known.knows(digest):
        return
    with suppress(FerError):  # without a shipped model
        if digest == compute_model_digest(find_shipped_model()):
            return
    raise DataError(
        f"{model}: a SavedModel of unknown origin (SHA-256 {digest[:16]}...), and it is a program that can read and"
        " write your files; if you know where it comes from, give --trust once"
    )


def note_model(model: Path, origin: str, known: KnownModels) -> str:
    """Note a SavedModel; empty, or one line that says why that failed, which is no reason to stop. Raises DataError."""
    digest = compute_model_digest(model)
    try:
        known.add(digest, origin, model)
    except OSError as error:
        found = f"{known.path}: can't be written: {error.strerror}"
    except DataError as error:
        found = str(error)
    else:
        return ""
    return f"{found}; without it only the shipped model is known, and any other needs --trust each time"
