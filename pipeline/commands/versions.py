"""fer-tfx versions, fer-tfx rollback: which version is served."""

import sys
import time
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timezone
from pathlib import Path

from configs.served_model import served_model_of
from configs.spec import PipelineConfig
from fer_tfx.errors import ConfigError
from fer_tfx.installation import require_tfx
from fer_tfx.versions.folder import VersionFolder
from fer_tfx.versions.versions import Versions
from pipeline.paths import RunPaths, is_remote
from pipeline.runners.exclusive import only_run_in


def print_versions(config: PipelineConfig) -> int:
    """List every version, newest first, with its date and state; the exit code is 0.

    Raises:
        ConfigError: there is none.
        DataError: the folder can't be read.
    """
    folder = _open_folder(config)
    states = folder.describe_states() | dict.fromkeys(folder.list_forgotten(), "rolled back, then removed")
    if not states:
        raise ConfigError(f"{folder.place}: no version in it; `fer-tfx run` pushes one (drawn faces: name=fer-drawn)")
    for version, state in sorted(states.items(), reverse=True):
        print(f"{version}  {_describe_date(version)}  {state}")
    return 0


def roll_back(config: PipelineConfig, to: int | None) -> int:
    """Serve an earlier version, or one that was rolled back before; the exit code is 0.

    Raises:
        ConfigError: there is no such version, or a run is at work.
        DataError: the folder can't be written to; nothing has changed then.
    """
    folder = _open_folder(config)
    with _alone(RunPaths.of(config).home):
        served = folder.roll_back(to)
    if to not in (None, served):
        print(f"{folder.place}: version {to} was removed and can't be served; an equal model may be pushed again")
        return 0
    aside = ", ".join(map(str, folder.list_rolled_back())) or "none"
    print(f"{folder.place}: version {served} is served; rolled back: {aside}")
    return 0


def _alone(home: str) -> AbstractContextManager[None]:
    """No run pushes meanwhile. A cluster's runs can't be locked out, and where there is no work folder, none runs."""
    return only_run_in(Path(home)) if not is_remote(home) and Path(home).is_dir() else nullcontext()


def _open_folder(config: PipelineConfig) -> Versions:
    place, model = (
        RunPaths.of(config).serving,
        served_model_of(config.serving),
    )
    if not is_remote(place):
        return VersionFolder(Path(place), model, _wait_aloud)
    require_tfx()
    from components.bucket_versions import open_versions

    return open_versions(place, model, _wait_aloud)


def _wait_aloud(seconds: float) -> None:
    if seconds:
        print(f"fer-tfx: waits {seconds:g} s until every server has seen that (serving.settle_s)", file=sys.stderr)
        time.sleep(seconds)


def _describe_date(version: int) -> str:
    """Versions are seconds since 1970, unless a person has numbered them."""
    try:
        return f"{datetime.fromtimestamp(version, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return "no date".ljust(len("1970-01-01 00:00:00 UTC"))
