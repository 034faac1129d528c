"""`tuner.hyperparameters_path` -> the artifact to import, looked into before anything runs."""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from configs.convert import overlay
from configs.spec import PipelineConfig, Recipe
from configs.tuning import read_values
from fer_tfx.errors import ConfigError
from pipeline.paths import is_remote

_SETTING = "tuner.hyperparameters_path"


@dataclass(frozen=True)
class ImportedHyperparameters:
    """An earlier search's result."""

    uri: str
    """The folder that holds its one file."""
    fingerprint: str
    """SHA-256 of that file, first 16 digits, since TFX's cache looks at the URI alone; empty: it was taken unseen."""


def resolve_hyperparameters(config: PipelineConfig, *, must_read: bool = True) -> ImportedHyperparameters | None:
    """The result that the settings ask for; None: they ask for none.

    Args:
        config: the settings.
        must_read: False: one in a bucket that this machine can't read is taken unseen, without a fingerprint.

    Raises:
        ConfigError: there is none, it can't be read, or it doesn't fit the settings of this version.
    """
    path = config.tuner.hyperparameters_path
    if not path:
        return None
    if not is_remote(path):
        folder = Path(path).expanduser().absolute()
        path, file, content = str(folder), *_read_folder(folder)
    elif isinstance(found := _read_remote(path), str):
        if must_read:
            raise ConfigError(f"{_SETTING}: {path}: can't be read here: {found}; copy it and give the copy's folder")
        return ImportedHyperparameters(path, "")
    else:
        file, content = found
    try:
        overlay(Recipe(config.model, config.trainer), read_values(_parse(content)))
    except ConfigError as error:
        raise ConfigError(f"{_SETTING}: {file}: {error}") from None
    return ImportedHyperparameters(path, hashlib.sha256(content).hexdigest()[:16])


def _read_folder(folder: Path) -> tuple[str, bytes]:
    """The one file of a folder, which is all that TFX allows there, and what is in it."""
    names = [each.name for each in folder.iterdir()] if folder.is_dir() else []
    file = folder / _choose(str(folder), names)
    try:
        return str(file), file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{_SETTING}: {file}: can't be read: {error.strerror}") from None


@cache
def _read_remote(uri: str) -> tuple[str, bytes] | str:
    """The same of a bucket; why not, where it can't be read. Once for all that ask: a bucket may be slow to refuse."""
    from tfx.dsl.io import fileio

    try:
        names = [each.rstrip("/") for each in fileio.listdir(uri)] if fileio.exists(uri) else []
        file = f"{uri.rstrip('/')}/{_choose(uri, names)}"
        with fileio.open(file, "rb") as opened:
            return file, opened.read()
    except ConfigError:
        raise
    except Exception as error:  # of whichever file system serves the URI
        return str(error).strip().partition("\n")[0] or type(error).__name__


def _choose(folder: str, names: list[str]) -> str:
    if len(names) != 1:
        raise ConfigError(
            f"{_SETTING}: {folder}: expected a folder with one file, found {len(names)}; give a folder"
            " below artifacts/Tuner/best_hyperparameters"
        )
    return names[0]


def _parse(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        raise ConfigError("expected a tuner's best_hyperparameters.txt, got no JSON") from None
