"""How commands are listed: in groups, each with examples and with the options that all of them have."""

import logging
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from fer_tfx.errors import INSTALL_ALL
from fer_tfx.quiet import set_loudness

USE, TRAIN, LOOK_BACK, DEPLOY = "Use a model", "Train a model", "Look back", "Serve and deploy"
MISSING = f"Not in this installation ({INSTALL_ALL})"
_DISTRIBUTIONS = ("fer-tfx", "fer-tfx-pipeline")
_SHARED = ("quiet", "verbose", "debug")
Launcher = Callable[[Callable[[], int]], int]
"""Runs a command in another process; a command names its launcher in its Typer setting `obj`."""


def add_command(
    app: typer.Typer, group: str, command: Callable[..., int], *examples: str, launcher: Launcher | None = None
) -> None:
    """Add a command of the function's name; examples are whole lines, to be typed as they are."""
    app.command(
        command.__name__.rstrip("_"), cls=_Command, rich_help_panel=group, epilog="\n".join(examples),
        context_settings={"obj": launcher},
    )(command)  # fmt: skip


class _Command(TyperCommand):
    """Takes the options in `_SHARED` as well, and its epilog is its examples."""

    def get_params(self, ctx: Any) -> list[Any]:
        *own, for_help = super().get_params(ctx)
        return [*own, *(each for each in ctx.find_root().command.params if each.name in _SHARED), for_help]

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Examples"):
            formatter.write_text(f"\b\n{self.epilog}")


class CommandGroup(TyperGroup):
    """Lists the commands by group, as plain text: no frames, which a screen reader would spell out."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        for group in (USE, TRAIN, LOOK_BACK, DEPLOY, MISSING):
            commands = [each for each in self.commands.values() if getattr(each, "rich_help_panel", "") == group]
            if commands:
                with formatter.section(group):
                    formatter.write_dl([(f"{each.name:11}", each.get_short_help_str(100)) for each in commands])


def _print_versions(is_asked: bool) -> None:
    if is_asked:
        for name in _DISTRIBUTIONS:
            try:
                print(name, version(name))
            except PackageNotFoundError:
                continue
        raise typer.Exit


def _hear(level: int, help: str, *names: str) -> Any:
    def hear(is_on: bool) -> None:
        if is_on:
            set_loudness(level)

    return typer.Option(*names, help=help, expose_value=False, callback=hear)


def share(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", expose_value=False, is_eager=True,
                     callback=_print_versions),
    ] = False,
    quiet: Annotated[bool, _hear(logging.ERROR, "Print answers and errors only.", "--quiet", "-q")] = False,
    verbose: Annotated[bool, _hear(logging.INFO, "Print what is logged, too.", "--verbose", "-v")] = False,
    debug: Annotated[bool, _hear(logging.DEBUG, "The same, with the trace of an error.", "--debug")] = False,
) -> None:  # fmt: skip
    """Options that stand before any command; those in `_SHARED` may follow it."""
