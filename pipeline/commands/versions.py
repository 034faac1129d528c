"""Which version is served, and which one new models are compared with.

Raise ConfigError: there is no such version, or a run is in progress; DataError: the folder or the metadata can't be
read or written. Nothing has changed then.
"""

import json as json_text
import sys
import tempfile
import time
from contextlib import nullcontext
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fer_tfx.errors import ConfigError
from fer_tfx.quiet import hush_libraries, output_in_log
from fer_tfx.versions.folder import VersionFolder
from fer_tfx.versions.model_digest import compute_digest
from pipeline.commands import AsJson, Config, Overrides, load_latest
from pipeline.paths import RunPaths, is_remote
from pipeline.stack import require_tfx

if TYPE_CHECKING:
    from configs.spec import PipelineConfig, ServingConfig
    from fer_tfx.versions.versions import Versions


def versions(json: AsJson = False, config: Config = None, overrides: Overrides = None) -> int:
    """List the pushed versions and say which is served."""
    folder = _open_folder(load_latest(config, overrides))
    states = folder.describe_states() | dict.fromkeys(folder.list_forgotten(), "rolled back, then removed")
    if not states:
        raise ConfigError(f"{folder.path}: no version in it; `fer-tfx run` pushes one")
    if json:
        found = sorted(states.items(), reverse=True)
        print(json_text.dumps([{"version": version, "state": state} for version, state in found], indent=2))
        return 0
    for version, state in sorted(states.items(), reverse=True):
        print(f"{version}  {_describe_date(version)}  {state}")
    return 0


def rollback(
    to: Annotated[
        int | None, typer.Option(metavar="VERSION", help="A version (default: the one before the newest).")
    ] = None,
    config: Config = None,
    overrides: Overrides = None,
) -> int:
    """Serve an earlier version again, or undo a roll-back."""
    from pipeline.runners.work_folder import only_run_in

    settings = load_latest(config, overrides, will_change=True)
    folder, home = _open_folder(settings), RunPaths.of(settings).home
    # No run may push meanwhile. A cluster's runs can't be locked out, and where there is no work folder, none runs.
    with only_run_in(Path(home)) if not is_remote(home) and Path(home).is_dir() else nullcontext():
        served = folder.roll_back(to)
    if to not in (None, served):
        print(f"{folder.path}: version {to} was removed and can't be served; an equal model may be pushed again")
        return 0
    if settings.serving.endpoint.name:
        _serve_on_endpoint(settings.serving, folder, served)
    aside = ", ".join(map(str, folder.list_rolled_back())) or "none"
    print(f"{folder.path}: version {served} is served; rolled back: {aside}")
    return 0


def accept(
    version: Annotated[int, typer.Argument(metavar="VERSION", help="As `fer-tfx versions` lists it.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; it is kept in the metadata.")],
    config: Config = None,
    overrides: Overrides = None,
) -> int:
    """Make a pushed version the one that new models are compared with."""
    from pipeline.runners.work_folder import only_run_in, require_usable

    paths, now_ms = RunPaths.of(load_latest(config, overrides, will_change=True)), int(time.time() * 1000)
    require_tfx()
    hush_libraries()
    # On a cluster's volume too there is its record, and no metadata.
    if is_remote(paths.home) or (Path(paths.baseline).is_dir() and not paths.metadata.exists()):
        from components.acceptance import accept_version as accept_recorded

        accept_recorded(paths.baseline, version, reason, now_ms)
    elif not paths.metadata.exists():
        raise ConfigError(f"{paths.metadata}: no such file; `fer-tfx run` makes it")
    else:
        from pipeline.failures import explaining_failures
        from pipeline.history import open_store
        from pipeline.history.acceptance import accept_version

        with only_run_in(Path(paths.home)), explaining_failures(Exception):
            require_usable(paths.metadata)
            accept_version(open_store(paths.metadata), version, reason, now_ms)
    print(f"{paths.home}: new models are compared with version {version} from now on")
    return 0


def _open_folder(config: "PipelineConfig") -> "Versions":
    from configs.library import served_model_of

    place, model = RunPaths.of(config).serving, served_model_of(config.serving)
    if not is_remote(place):
        return VersionFolder(Path(place), model, _wait_aloud)
    require_tfx()
    from components.bucket_versions import open_versions

    return open_versions(place, model, _wait_aloud)


def _serve_on_endpoint(config: "ServingConfig", folder: "Versions", version: int) -> None:
    require_tfx()
    from components.remote_files import read_files
    from components.vertex import serve

    source = f"{folder.path}/{version}"
    print(f"fer-tfx: waiting until {config.endpoint.name} answers with version {version}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as log, output_in_log(Path(log, "log")):
        serve(config, compute_digest(read_files(source)), source, f"`fer-tfx rollback --to {version}`")


def _wait_aloud(seconds: float) -> None:
    if seconds:
        print(f"fer-tfx: waiting {seconds:g} s until every server has noticed (serving.settle_s)", file=sys.stderr)
        time.sleep(seconds)


def _describe_date(version: int) -> str:
    """Versions are seconds since 1970, unless a person has numbered them."""
    try:
        return f"{datetime.fromtimestamp(version, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return "no date".ljust(len("1970-01-01 00:00:00 UTC"))
