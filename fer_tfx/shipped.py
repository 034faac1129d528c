"""The models that come with the package: where they lie, and whether their files are the ones that were shipped."""

import hashlib
from importlib import resources
from pathlib import Path

from fer_tfx.errors import ConfigError, DataError

SHIPPED_FOLDER = "shipped_model"
LIGHT_FOLDER = "light_model"
SUMS_FILE = "SHA256SUMS"
_REMEDY = "install fer-tfx again, or give another model with --model"


def find_shipped_model(name: str = SHIPPED_FOLDER) -> Path:
    """Folder of the shipped SavedModel, or of its light form, its files checked.

    Args:
        name: SHIPPED_FOLDER or LIGHT_FOLDER.

    Raises:
        ConfigError: this installation has no model.
        DataError: a file of it is missing or is not the one that was shipped.
    """
    folder = Path(str(resources.files("fer_tfx"))) / name
    if not folder.is_dir():
        raise ConfigError(
            "no model is shipped with this installation: give one with --model, such as the folder `serving` that"
            " `fer-tfx run` writes"
        )
    verify_sums(folder)
    return folder


def write_sums(folder: Path) -> None:
    """List the SHA-256 of every file below `folder` in its file SHA256SUMS, as `sha256sum` does."""
    lines = [f"{compute_digest(folder / name)}  {name}\n" for name in list_files(folder)]
    (folder / SUMS_FILE).write_text("".join(lines), encoding="utf-8")


def verify_sums(folder: Path) -> None:
    """Raise DataError, naming the file, unless the files below `folder` are those listed in its SHA256SUMS."""
    digests = _read_sums(folder / SUMS_FILE)
    for name, digest in digests.items():
        path = folder / name
        if not path.is_file():
            raise DataError(f"{path}: is missing, and {SUMS_FILE} lists it: {_REMEDY}")
        found = compute_digest(path)
        if found != digest:
            raise DataError(f"{path}: has the SHA-256 {found[:16]}..., expected {digest[:16]}...: {_REMEDY}")
    for name in list_files(folder):
        if name not in digests:
            raise DataError(f"{folder / name}: is not listed in {SUMS_FILE}: remove it, or {_REMEDY}")


def list_files(folder: Path) -> list[str]:
    """Every file below `folder` but SHA256SUMS itself, by its relative path, in order."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in names if name != SUMS_FILE)


def compute_digest(path: Path) -> str:
    """The SHA-256 of a file of some MB, in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read_sums(path: Path) -> dict[str, str]:
    """Digest by file name. An empty list is refused too: it would vouch for nothing."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise DataError(f"{path}: is missing or can't be read: {_REMEDY}") from None
    digests = {}
    for number, line in enumerate(lines, start=1):
        digest, separator, name = line.partition("  ")
        if len(digest) != 64 or not separator or not name:
            raise DataError(f"{path}, line {number}: expected a SHA-256, two spaces and a file name: {_REMEDY}")
        digests[name] = digest
    if not digests:
        raise DataError(f"{path}: is empty: {_REMEDY}")
    return digests
