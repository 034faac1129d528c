"""Records how each artifact looked when it was finished, so that a damaged one is not taken from the cache.

`<home>/seals/<component>/<key>/<number>.json` holds size, time of change and CRC-32 of each file below
`<home>/artifacts/<component>/<key>/<number>`. TFX's cache ignores an artifact that is gone: it is rebuilt.
"""

import json
import shutil
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple, TextIO

from fer_tfx.counted import counted
from fer_tfx.errors import FerError, GateError
from fer_tfx.files import replacing
from pipeline.failures import ComponentError

_CHUNK_BYTES = 1 << 20


class Damage(NamedTuple):
    """An artifact that is no longer what a component wrote, and the first of its files that differs."""

    folder: Path
    file: str
    found: str


@contextmanager
def keeping_seals(home: Path, last_execution: int, output: TextIO) -> Iterator["Seals"]:
    """Set damaged artifacts aside before a run, and those that are later than the last execution that is known.

    If the run fails, look again more thoroughly, and say what was damaged.
    """
    seals = Seals(home)
    if later := seals.set_later_aside(last_execution):
        print(
            f"{home / 'artifacts'}: {counted(later, 'artifact')} unknown to metadata.sqlite"
            f" (was an older copy restored?), moved to {home / 'damaged'}",
            file=output,
        )
    for damage in seals.find_damage():
        aside = seals.set_aside(damage)
        print(
            f"{damage.folder}: {damage.file} {damage.found}; it is rebuilt, and the old one is in {aside}", file=output
        )
    try:
        yield seals
    except GateError:
        raise
    except (ComponentError, FerError) as failure:
        # Damage that left size and time of a file alone may be what made the component fail.
        for damage in seals.find_damage(is_thorough=True):
            found = f"{damage.folder}: {damage.file} {damage.found}: it is in {seals.set_aside(damage)} now"
            raise FerError(f"{found}; run the same command again to rebuild it") from failure
        raise


class Seals(NamedTuple):
    """The seals of one work folder, `<runtime.root>/<name>`."""

    home: Path

    def seal(self, folders: Iterable[Path]) -> None:
        """Record the files of those artifacts that have no seal yet. Folders elsewhere are ignored."""
        for folder in folders:
            if folder.is_relative_to(self.home / "artifacts") and folder.is_dir():
                seal = self._locate(folder)
                if not seal.exists():
                    seal.parent.mkdir(parents=True, exist_ok=True)
                    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
                    files = {str(path.relative_to(folder)): _look_at(path) for path in paths}
                    with replacing(seal) as file:
                        json.dump(files, file)

    def find_damage(self, *, is_thorough: bool = False) -> list[Damage]:
        """Sealed artifacts that exist and differ. Files of the same size and time are read only if `is_thorough`."""
        found = (self._check(seal, is_thorough) for seal in sorted((self.home / "seals").glob("*/*/*.json")))
        return [damage for damage in found if damage]

    def set_later_aside(self, last_execution: int) -> int:
        """Move away what executions with higher numbers left, and their seals; how many artifacts.

        An older copy of the metadata was restored, and will give these numbers out again.
        """
        found = (each for each in sorted((self.home / "artifacts").glob("*/*/*")) if each.name.isdecimal())
        later = [Damage(each, "", "") for each in found if int(each.name) > last_execution]
        for each in later:
            self.set_aside(each)
        for seal in (self.home / "seals").glob("*/*/*.json"):  # also of what is gone
            if seal.stem.isdecimal() and int(seal.stem) > last_execution:
                seal.unlink()
        return len(later)

    def set_aside(self, damage: Damage) -> Path:
        """Move a damaged artifact out of the cache's reach; its new place."""
        place = self.home / "damaged" / damage.folder.relative_to(self.home / "artifacts")
        names = (f"{place.name}-{number}" if number > 1 else place.name for number in count(1))
        aside = next(path for path in map(place.with_name, names) if not path.exists())
        aside.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(damage.folder, aside)  # `artifacts` may be a link to another disk
        self._locate(damage.folder).unlink(missing_ok=True)
        return aside

    def _locate(self, folder: Path) -> Path:
        return (self.home / "seals" / folder.relative_to(self.home / "artifacts")).with_suffix(".json")

    def _check(self, seal: Path, is_thorough: bool) -> Damage | None:
        folder = self.home / "artifacts" / seal.relative_to(self.home / "seals").with_suffix("")
        if not folder.is_dir():
            return None
        try:
            for name, was in json.loads(seal.read_text("utf-8")).items():
                if fault := _find_fault(folder / name, is_thorough, **was):
                    return Damage(folder, name, fault)
        except (ValueError, TypeError, AttributeError):
            return Damage(folder, str(seal), "its seal can't be read")
        return None


def _look_at(path: Path) -> dict[str, int]:
    state = path.stat()
    return {"size_bytes": state.st_size, "changed_ns": state.st_mtime_ns, "crc32": _compute_crc(path)}


def _find_fault(path: Path, is_thorough: bool, size_bytes: int, changed_ns: int, crc32: int) -> str:
    """What is wrong with a file; empty: nothing."""
    if not path.is_file():
        return "is missing"
    state = path.stat()
    if state.st_size != size_bytes:
        return f"has {counted(state.st_size, 'byte')}, was written with {size_bytes:,}"
    if not is_thorough and state.st_mtime_ns == changed_ns:
        return ""
    return "" if _compute_crc(path) == crc32 else "has another checksum than it was written with"


def _compute_crc(path: Path) -> int:
    crc = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            crc = zlib.crc32(chunk, crc)
    return crc
