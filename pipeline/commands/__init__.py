"""Commands of `fer-tfx`, and the options that they share. Imported at every start, so it imports nothing heavy."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fer_tfx.errors import ConfigError
from fer_tfx.quiet import is_quiet
from pipeline.paths import RunPaths, is_remote

if TYPE_CHECKING:
    from configs.spec import PipelineConfig

Config = Annotated[
    str | None, typer.Option(metavar="FILE", help="YAML file of settings (default: every setting at its default).")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one setting, such as trainer.epochs=3; may be repeated."),
]

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def load_settings(
    file: str | None, overrides: list[str] | None, values: dict[str, str] | None = None
) -> "PipelineConfig":
    """Defaults, file, `--set` and `values` by dotted key; the later ones win."""
    from configs.load import load_config

    return load_config(file, overrides or [], values or {})


def load_latest(file: str | None, overrides: list[str] | None, *, will_change: bool = False) -> "PipelineConfig":
    """The settings of the pipeline that ran last: on data, or on drawn faces, which have a name of their own.

    Runs on data come first for a command that will change something. `--set name=NAME` names the pipeline.
    """
    from configs.convert import overlay
    from schema.drawn_faces import name_drawn_run

    given = load_settings(file, overrides)
    is_named = any(each.partition("=")[0].strip() == "name" for each in overrides or ())
    if is_named or is_remote(given.runtime.root):
        return given
    try:
        drawn = overlay(given, {"name": name_drawn_run(given.name)})
    except ConfigError:  # of a name that is too long for another word
        return given
    given_start, drawn_start = map(_find_last_start, (given, drawn))
    is_drawn = not given_start if will_change else drawn_start > given_start
    chosen, other = (drawn, given) if drawn_start and is_drawn else (given, drawn)
    if given_start and drawn_start and not is_quiet():
        print(f"fer-tfx: this is about {chosen.name}; for {other.name} give --set name={other.name}", file=sys.stderr)
    return chosen


def _find_last_start(settings: "PipelineConfig") -> str:
    """When a pipeline was last run, as the names of its logs have it; empty: never."""
    home, logs = Path(RunPaths.of(settings).home), RunPaths.of(settings).logs
    return max((path.name for path in logs.glob("*.log")), default="-" if home.is_dir() else "")
