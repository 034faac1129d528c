"""The versions of a model in a local folder."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from fer_tfx.errors import DataError
from fer_tfx.files import replacing
from fer_tfx.versions.versions import ASIDE, Versions, find_missing

_PARTIAL = re.compile(r"\..+\.(\d+)\.partial")
_REMOVED = re.compile(r"\.\d+\.removed")


class VersionFolder(Versions):
    """See `Versions`."""

    path: Path

    @contextmanager
    def _translated(self, problem: str, remedy: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            place = error.filename2 or error.filename or self.path
            # copytree gathers what has failed: (from, to, why).
            found = error.args[0][0][2] if isinstance(error, shutil.Error) else error.strerror or error
            raise DataError(f"{place}: {problem}: {found}; {remedy}") from None

    def _explained(self) -> AbstractContextManager[None]:
        return self._translated("can't be written", "make room, or fix its permissions")

    def _reading(self) -> AbstractContextManager[None]:
        remedy = "fix it or its permissions, or name another folder in runtime.serving_path"
        return self._translated("can't be read", remedy)

    def _locate(self, name: str) -> str:
        return str(self.path / name)

    def _list_numbers(self, folder: str) -> list[int]:
        with self._reading():
            try:
                with os.scandir(self.path / folder) as found:
                    names = [each.name for each in found if each.is_dir()]
            except FileNotFoundError:
                return []
        return sorted(int(name) for name in names if name.isascii() and name.isdecimal())  # a server's versions

    def _exists(self, name: str) -> bool:
        with self._reading():
            return (self.path / name).is_file()

    def _read_files(self, model: str) -> list[tuple[str, bytes]]:
        with self._reading():
            return [(name, Path(model, name).read_bytes()) for name in _list_sizes(Path(model))]

    def _read_text(self, name: str) -> str:
        path = self.path / name
        with self._reading():
            try:
                return path.read_text("utf-8")
            except FileNotFoundError:
                return ""
            except UnicodeDecodeError:
                raise DataError(f"{path}: is no text; bring it back from a copy") from None

    def _write_text(self, name: str, text: str) -> None:
        with replacing(self.path / name) as file:
            file.write(text)

    def _add(self, source: str, version: int) -> None:
        partial = self.path / f".{version}.{os.getpid()}.partial"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            shutil.copytree(source, partial)
            partial.rename(self.path / str(version))
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _require_writable(self, names: list[str]) -> None:
        (self.path / ASIDE).mkdir(exist_ok=True)
        # To move a folder, it must be writable itself.
        for folder in (self.path, self.path / ASIDE, *(self.path / name for name in names)):
            if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
                raise DataError(f"{folder}: can't be written; fix its permissions, or mount it for writing")

    def _move(self, name: str, to: str) -> None:
        (self.path / to).parent.mkdir(exist_ok=True)
        if (self.path / to).exists():  # a copy made by hand
            self._remove(to)
        (self.path / name).rename(self.path / to)

    def _remove(self, name: str) -> None:
        folder = self.path / name
        doomed = folder.with_name(f".{folder.name}.removed")
        folder.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)

    def _clean_up(self) -> None:
        for folder in filter(Path.is_dir, (self.path, self.path / ASIDE)):
            for each in list(folder.iterdir()):
                maker = _PARTIAL.fullmatch(each.name)
                if _REMOVED.fullmatch(each.name) or (maker and _is_gone(int(maker[1]))):
                    shutil.rmtree(each, ignore_errors=True) if each.is_dir() else each.unlink(missing_ok=True)


def is_whole(version: Path) -> bool:
    """Whether a version's folder has a graph, and weights with their index, none of them empty."""
    return version.is_dir() and not find_missing(_list_sizes(version))


def _list_sizes(folder: Path) -> dict[str, int]:
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def _is_gone(process: int) -> bool:
    """Whether no other process of that number runs on this machine."""
    if process == os.getpid():
        return True
    try:
        os.kill(process, 0)
    except OSError as error:
        return not isinstance(error, PermissionError)
    return False
