"""`data.path` and `data.unlabelled_path` -> the base folder and patterns that FerExampleGen takes."""

import glob
import os
from dataclasses import dataclass
from pathlib import Path

from configs.spec import DataConfig
from fer_tfx.contract import LABELLED_INPUT, UNLABELLED_INPUT
from fer_tfx.errors import DataError
from pipeline.paths import is_remote

_WILDCARDS = "*?[{"


@dataclass(frozen=True)
class Input:
    """Files are `base` joined with each of the patterns, which are keyed as FerExampleGen wants them."""

    base: str
    patterns: dict[str, str]

    @property
    def labelled_pattern(self) -> str:
        """Where the files to learn from lie, `{SPAN}` as it is."""
        return os.path.join(self.base, self.patterns.get(LABELLED_INPUT, ""))


def resolve_input(config: DataConfig) -> Input:
    """Split the given paths into a common base and patterns.

    Raises:
        DataError: no path is given, a local one matches nothing, may not be read or leads to a name that is not UTF-8,
            or the two lie on different file systems.
    """
    given = {LABELLED_INPUT: config.path, UNLABELLED_INPUT: config.unlabelled_path}
    paths = {name: _to_pattern(path) for name, path in given.items() if path}
    for pattern in paths.values():
        _require_utf8(pattern)
    if not paths:
        raise DataError("data.path: no file is given; give the FER2013 CSV with --data")
    base = _common_base(list(paths.values()))
    return Input(base, {name: path[len(base) :].lstrip("/") for name, path in paths.items()})


def _to_pattern(path: str) -> str:
    if is_remote(path):
        return f"{path}*" if path.endswith("/") else path
    absolute = os.path.abspath(Path(path).expanduser())  # noqa: PTH100 (keeps links, which may be the point)
    if os.path.exists(absolute) and not os.access(absolute, os.R_OK):  # noqa: PTH110
        raise DataError(f"{path}: can't be read: Permission denied; mend its rights")
    if os.path.isdir(absolute):  # noqa: PTH112
        return os.path.join(glob.escape(absolute), "*")
    if os.path.exists(absolute):  # noqa: PTH110
        return glob.escape(absolute)
    if "{" not in path and not glob.glob(absolute):  # noqa: PTH207 ({SPAN} and {VERSION} are TFX's to fill in)
        raise DataError(f"{path}: no such file or folder; give the FER2013 CSV, an archive or a folder with --data")
    return absolute


def _require_utf8(pattern: str) -> None:
    """Neither TensorFlow's glob nor Protocol Buffers take a name of other bytes."""
    for name in (pattern, *glob.iglob(pattern)):  # noqa: PTH207
        if any("\ud800" <= each <= "\udfff" for each in name):  # as Python spells such bytes
            raise DataError(f"{os.fsencode(name)!r}: a name that is not UTF-8; rename the file")


def _common_base(paths: list[str]) -> str:
    folders = [_fixed_folder(path) for path in paths]
    base, root = folders[0], _root(paths[0])
    if any(_root(path) != root for path in paths):
        raise DataError(f"{' and '.join(paths)}: lie on different file systems or buckets; put them into one")
    while not all(f"{folder}/".startswith(f"{base}/") for folder in folders):
        base = base.rpartition("/")[0]
    return base or "/"


def _root(path: str) -> str:
    """`gs://bucket` of a remote path; empty for a local one."""
    return "/".join(path.split("/")[:3]) if is_remote(path) else ""


def _fixed_folder(path: str) -> str:
    folder = path.rpartition("/")[0]
    while any(each in folder for each in _WILDCARDS):
        folder = folder.rpartition("/")[0]
    return folder
