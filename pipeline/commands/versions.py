"""fer-tfx versions, fer-tfx rollback: which version is served."""

from datetime import datetime, timezone
from pathlib import Path

from configs.spec import PipelineConfig
from pipeline.paths import RunPaths, is_remote
from schema.errors import ConfigError
from serving.versions import PREVIOUS, STABLE, ServedModel, VersionFolder


def print_versions(config: PipelineConfig) -> int:
    """List every version, newest first, with its date and state; the exit code is 0.

    Raises:
        ConfigError: there is none, or the folder is a bucket.
    """
    folder = _open_folder(config)
    served, aside = folder.list_served(), folder.list_rolled_back()
    if not served and not aside:
        raise ConfigError(f"{folder.path}: no version in it; `fer-tfx run` pushes one (drawn faces: name=fer-drawn)")
    states = dict(zip(reversed(served), (STABLE, PREVIOUS), strict=False)) | dict.fromkeys(aside, "rolled back")
    for version in sorted([*served, *aside], reverse=True):
        print(f"{version}  {_describe_date(version)}  {states.get(version, 'kept')}")
    return 0


def roll_back(config: PipelineConfig, to: int | None) -> int:
    """Serve an earlier version, or one that was rolled back before; the exit code is 0.

    Raises:
        ConfigError: there is no such version, or the folder is a bucket.
    """
    folder = _open_folder(config)
    served = folder.roll_back(to)
    aside = ", ".join(map(str, folder.list_rolled_back())) or "none"
    print(f"{folder.path}: version {served} is served; rolled back: {aside}")
    return 0


def _open_folder(config: PipelineConfig) -> VersionFolder:
    path = RunPaths.of(config).serving
    if is_remote(path):
        raise ConfigError(f"{path}: versions in a bucket are not handled here; name one in the server's models.config")
    return VersionFolder(Path(path), ServedModel(config.serving.model_name, config.serving.base_path))


def _describe_date(version: int) -> str:
    """Versions are seconds since 1970."""
    return f"{datetime.fromtimestamp(version, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
