"""`tuner.hyperparameters_path` -> the artifact to import, looked into before anything runs."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from configs.hyperparameters import apply_hyperparameters
from configs.spec import PipelineConfig, Recipe
from pipeline.paths import is_remote
from schema.errors import ConfigError


@dataclass(frozen=True)
class ImportedHyperparameters:
    """An earlier search's result."""

    uri: str
    """The folder that holds its one file."""
    fingerprint: str
    """SHA-256 of that file, first 16 digits, since TFX's cache looks at the URI alone; empty for a remote one."""


def resolve_hyperparameters(config: PipelineConfig) -> ImportedHyperparameters | None:
    """The result that the settings ask for; None: they ask for none. A remote one is not looked into.

    Raises:
        ConfigError: there is none, or it doesn't fit the settings of this version.
    """
    path = config.tuner.hyperparameters_path
    if not path:
        return None
    if is_remote(path):
        return ImportedHyperparameters(path, "")
    file = _find_file(Path(path).expanduser().absolute())
    content = _read(file)
    try:
        apply_hyperparameters(Recipe(config.model, config.trainer), _parse(content))
    except ConfigError as error:
        raise ConfigError(f"tuner.hyperparameters_path: {file}: {error}") from None
    return ImportedHyperparameters(str(file.parent), hashlib.sha256(content).hexdigest()[:16])


def _find_file(path: Path) -> Path:
    """The one file of the folder, which is all that TFX allows there."""
    files = list(path.iterdir()) if path.is_dir() else []
    if len(files) != 1:
        raise ConfigError(
            f"tuner.hyperparameters_path: {path}: expected a folder with one file, found {len(files)}; give a folder"
            " below artifacts/Tuner/best_hyperparameters"
        )
    return files[0]


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"tuner.hyperparameters_path: {file}: can't be read: {error.strerror}") from None


def _parse(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        raise ConfigError("expected a tuner's best_hyperparameters.txt, got no JSON") from None
