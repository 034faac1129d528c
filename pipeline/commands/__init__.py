"""Commands of `fer-tfx`, and the options that they share. Imported at every start, so it imports nothing heavy."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from configs.spec import PipelineConfig

Config = Annotated[
    str | None, typer.Option(metavar="FILE", help="YAML file of settings (default: every setting at its default).")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one setting, such as trainer.epochs=3; may be repeated."),
]


def load_settings(
    file: str | None, overrides: list[str] | None, values: dict[str, str] | None = None
) -> "PipelineConfig":
    """Defaults, file, `--set` and `values` by dotted key; the later ones win."""
    from configs.load import load_config

    return load_config(file, overrides or [], values or {})
