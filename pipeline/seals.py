"""Notes how each artifact looked when it was finished, so that a damaged one is not taken from the cache.

`<home>/seals/<component>/<key>/<number>.json` holds size, time of change and CRC-32 of each file below
`<home>/artifacts/<component>/<key>/<number>`. A CRC tells accidents, not forgery. TFX's cache passes over an artifact
that is gone, so what is set aside is made anew.
"""

import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class FileSeal:
    """One file as it was."""

    size_bytes: int
    changed_ns: int
    """Time of the last change of its content, nanoseconds since 1970."""
    crc32: int


@dataclass(frozen=True)
class Damage:
    """An artifact that is no longer what a component wrote."""

    folder: Path
    file: str
    """The first that differs, below the folder."""
    found: str


@dataclass(frozen=True)
class Seals:
    """The seals of one work folder.

    Args:
        home: `<runtime.root>/<name>`, local.
    """

    home: Path

    def seal(self, folders: Iterable[Path]) -> None:
        """Note the files of those artifacts that have no seal yet. Folders of other places are passed over."""
        for folder in folders:
            path = self._seal_path(folder)
            if path and folder.is_dir() and not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                files = {name: vars(_look_at(folder / name)) for name in _list_files(folder)}
                partial = path.with_suffix(".partial")
                partial.write_text(json.dumps(files), "utf-8")
                partial.replace(path)

    def find_damage(self, *, is_thorough: bool = False) -> list[Damage]:
        """Sealed artifacts that are there and differ.

        Args:
            is_thorough: read every file; else only those whose size or time of change differ.
        """
        found = (self._check(path, is_thorough) for path in sorted((self.home / "seals").glob("*/*/*.json")))
        return [damage for damage in found if damage]

    def set_aside(self, damage: Damage) -> Path:
        """Take a damaged artifact out of the cache's reach; where it lies now."""
        relative = damage.folder.relative_to(self.home / "artifacts")
        aside = _find_free(self.home / "damaged" / relative)
        aside.parent.mkdir(parents=True, exist_ok=True)
        damage.folder.rename(aside)
        (self.home / "seals" / relative).with_suffix(".json").unlink(missing_ok=True)
        return aside

    def _seal_path(self, folder: Path) -> Path | None:
        artifacts = self.home / "artifacts"
        if not folder.is_relative_to(artifacts):
            return None
        return (self.home / "seals" / folder.relative_to(artifacts)).with_suffix(".json")

    def _check(self, seal: Path, is_thorough: bool) -> Damage | None:
        folder = self.home / "artifacts" / seal.relative_to(self.home / "seals").with_suffix("")
        if not folder.is_dir():
            return None
        try:
            files = {name: FileSeal(**values) for name, values in json.loads(seal.read_text("utf-8")).items()}
        except (ValueError, TypeError, AttributeError):
            return Damage(folder, str(seal), "its seal can't be read")
        faults = ((name, _find_fault(folder / name, was, is_thorough)) for name, was in files.items())
        return next((Damage(folder, name, fault) for name, fault in faults if fault), None)


def _find_fault(path: Path, was: FileSeal, is_thorough: bool) -> str:
    """What is wrong with a file; empty: nothing."""
    if not path.is_file():
        return "is missing"
    state = path.stat()
    if state.st_size != was.size_bytes:
        return f"has {state.st_size} bytes, was written with {was.size_bytes}"
    if not is_thorough and state.st_mtime_ns == was.changed_ns:
        return ""
    return "" if _compute_crc(path) == was.crc32 else "has another checksum than it was written with"


def _look_at(path: Path) -> FileSeal:
    state = path.stat()
    return FileSeal(state.st_size, state.st_mtime_ns, _compute_crc(path))


def _compute_crc(path: Path) -> int:
    crc = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            crc = zlib.crc32(chunk, crc)
    return crc


def _list_files(folder: Path) -> Iterator[str]:
    return (str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.is_file())


def _find_free(path: Path) -> Path:
    """`path`, or the first of `path-2`, `path-3`, ... that is not there yet."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free
