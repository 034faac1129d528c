"""The folder of a model's versions, as a server polls it: push, roll back, forget, none of it ever half done.

    <folder>/1764000000/           a version; the largest number is served
    <folder>/rolled_back/<number>/ one that was taken out of service, and can come back
    <folder>/models.config         for `--model_config_file`: the labels of the newest two

TensorFlow Serving takes up whatever has a number for a name, so a version gets its number by one rename when it is
complete, and loses it by one rename before it is removed.
"""

import filecmp
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from schema.errors import ConfigError, DataError

STABLE, PREVIOUS = "stable", "previous"
CONFIG_FILE = "models.config"
_ROLLED_BACK = "rolled_back"
_GRAPH_FILE = "saved_model.pb"


@dataclass(frozen=True)
class ServedModel:
    """What a server calls the model, and where it finds the folder."""

    name: str
    base_path: str


@dataclass(frozen=True)
class VersionFolder:
    """The versions of one model in a local folder.

    Args:
        path: need not exist yet.
        model: what goes into `models.config`.
    """

    path: Path
    model: ServedModel

    def list_served(self) -> list[int]:
        """Complete versions, oldest first; the last one is served."""
        return _list_versions(self.path)

    def list_rolled_back(self) -> list[int]:
        """Versions that were taken out of service, oldest first."""
        return _list_versions(self.path / _ROLLED_BACK)

    def push(self, source: Path, now_s: float) -> int:
        """Copy a SavedModel and put it into service; its version is the time, or one more than the newest there is.

        What is in service already, byte for byte, is not pushed again: a run that was killed after its push pushes
        once more.

        Args:
            source: folder of the SavedModel.
            now_s: seconds since 1970.

        Raises:
            DataError: the folder can't be written to.
        """
        version = max([int(now_s), *(each + 1 for each in [*self.list_served(), *self.list_rolled_back()])])
        partial = self.path / f".{version}.{os.getpid()}.partial"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            shutil.copytree(source, partial)
            if served := self._find_served_copy(partial):
                version = served
            else:
                partial.rename(self.path / str(version))
        except OSError as error:
            found = error.strerror or error
            raise DataError(f"{self.path}: can't be written: {found}; make room, or mend its rights") from None
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        self.write_config()
        return version

    def _find_served_copy(self, model: Path) -> int | None:
        """The version in service if it equals `model`."""
        return next((each for each in self.list_served()[-1:] if _are_equal(self.path / str(each), model)), None)

    def roll_back(self, to: int | None = None) -> int:
        """Serve an earlier version, or one that was rolled back before: the version now served.

        Args:
            to: a version; None: the one before the newest.

        Raises:
            ConfigError: there is no such version.
        """
        target = self._choose(to)
        aside = self.path / _ROLLED_BACK
        aside.mkdir(exist_ok=True)
        if target in self.list_rolled_back():
            (aside / str(target)).rename(self.path / str(target))
        for version in self.list_served():
            if version > target:
                (self.path / str(version)).rename(aside / str(version))
        self.write_config()
        return target

    def _choose(self, to: int | None) -> int:
        served, aside = self.list_served(), self.list_rolled_back()
        if to is None and len(served) < 2:
            found = f"only version {served[0]} in it" if served else "no version in it"
            raise ConfigError(f"{self.path}: {found}, nothing to go back to; `fer-tfx versions` lists all there are")
        if to is not None and to not in [*served, *aside]:
            known = ", ".join(map(str, sorted([*served, *aside]))) or "none"
            raise ConfigError(f"{self.path}: has no version {to}, only {known}; give one of them with --to")
        return served[-2] if to is None else to

    def forget(self, keep: int) -> list[int]:
        """Remove all but the `keep` newest of the served, and of the rolled back versions; the removed ones."""
        removed = []
        for folder in (self.path, self.path / _ROLLED_BACK):
            for version in _list_versions(folder)[:-keep]:
                doomed = folder / f".{version}.removed"
                (folder / str(version)).rename(doomed)
                shutil.rmtree(doomed, ignore_errors=True)
                removed.append(version)
        if removed:
            self.write_config()
        return removed

    def write_config(self) -> None:
        """Write `models.config` for the versions that are there, in one step."""
        partial = self.path / f".{CONFIG_FILE}.{os.getpid()}.partial"
        partial.write_text(format_config(self.model, self.list_served()[-2:]), "utf-8")
        partial.replace(self.path / CONFIG_FILE)


def format_config(model: ServedModel, versions: list[int]) -> str:
    """Text of a ModelServerConfig that labels one or two versions, oldest first: the last one is `stable`.

    The one before stays loaded as `previous`, so that a caller can compare and a roll-back needs no loading. The
    server finds the newest two by itself: were they named here, it would refuse the file for the label of a version
    that is not loaded yet, and so never load it (ServerCore::ReloadConfig looks at labels first). So labels follow the
    versions by one poll.
    """
    labels = dict(zip((STABLE, PREVIOUS), reversed(versions), strict=False))
    label_lines = "".join(f'    version_labels {{ key: "{key}" value: {value} }}\n' for key, value in labels.items())
    return (
        "# Written by fer-tfx at each push and roll-back.\n"
        "model_config_list {\n"
        "  config {\n"
        f'    name: "{model.name}"\n'
        f'    base_path: "{model.base_path}"\n'
        '    model_platform: "tensorflow"\n'
        "    model_version_policy { latest { num_versions: 2 } }\n"
        f"{label_lines}"
        "  }\n"
        "}\n"
    )


def is_rolled_back(version: Path) -> bool:
    """Whether a version that was pushed to <folder>/<version> has been taken out of service."""
    return (version.parent / _ROLLED_BACK / version.name).is_dir()


def _list_versions(folder: Path) -> list[int]:
    if not folder.is_dir():
        return []
    names = (each.name for each in folder.iterdir() if (each / _GRAPH_FILE).is_file())
    return sorted(int(name) for name in names if name.isdecimal())


def _are_equal(one: Path, other: Path) -> bool:
    """Whether two folders hold the same files, byte for byte."""
    names = [{path.relative_to(folder) for path in folder.rglob("*")} for folder in (one, other)]
    if names[0] != names[1]:
        return False
    files = [str(name) for name in names[0] if (one / name).is_file()]
    return filecmp.cmpfiles(one, other, files, shallow=False)[0] == files
