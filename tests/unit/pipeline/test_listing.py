"""Help, versions, completion and the options of every command."""

import logging
import os
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import typer

from fer_tfx.cli import build_app, main
from fer_tfx.commands import listing
from pipeline import stack

PROJECT = Path(__file__).parents[3]
APP = typer.main.get_command(build_app())


def read_help(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main([*words, "--help"]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("command", APP.commands)
def test_help_of_every_command_has_a_group_and_examples_that_are_its_own(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    shown = read_help(capsys, command)
    lines = [line.strip() for line in shown.partition("Examples:\n")[2].splitlines()]
    assert lines
    assert APP.commands[command].rich_help_panel in (listing.USE, listing.TRAIN, listing.LOOK_BACK, listing.DEPLOY)
    for line in lines:
        _, *words = shlex.split(line.partition(" > ")[0])
        with APP.make_context("fer-tfx", words) as context:
            name, found, rest = context.command.resolve_command(context, words)
            found.make_context(name, rest, parent=context)
        assert name == command
    assert max(map(len, shown.partition("Examples:\n")[0].splitlines())) <= 80


def test_help_is_plain_text_of_80_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    shown = read_help(capsys)
    assert shown.isascii()
    assert "\x1b" not in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_help_without_tfx_lists_what_needs_it_last_with_what_to_install(capsys, monkeypatch):
    monkeypatch.setattr(stack.importlib.util, "find_spec", lambda name: {"tfx": None}[name])
    shown = read_help(capsys)
    usable, found, missing = shown.partition("\nNot in this installation (`make setup` in a checkout of fer-tfx")
    assert found
    assert all(f"\n  {name} " in usable for name in ("predict", "download", "config", "versions", "rollback"))
    assert all(f"\n  {name} " in missing for name in ("run", "runs", "report", "compile", "accept"))


def test_help_of_the_library_alone_says_how_to_get_the_rest(capsys, monkeypatch):
    monkeypatch.setattr("fer_tfx.cli.entry_points", lambda group: [])
    shown = read_help(capsys)
    assert "\n  predict " in shown
    assert "\n  runs " not in shown
    assert "To train, look back and deploy, `make setup` in a checkout" in " ".join(shown.split())


def test_version_names_what_is_installed(capsys):
    assert main(["--version"]) == 0
    expected = [f"{name} {version(name)}" for name in ("fer-tfx", "fer-tfx-pipeline")]
    assert capsys.readouterr().out.splitlines() == expected


def run_python(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "PYTHONPATH": str(PROJECT), **environment}
    command = [sys.executable, "-W", "ignore", "-m", "pipeline", *words]
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("shell", "typed"),
    [
        ("bash", lambda words: {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}),
        ("zsh", lambda words: {"_TYPER_COMPLETE_ARGS": words}),
        ("fish", lambda words: {"_TYPER_COMPLETE_ARGS": words, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}),
    ],
)
def test_completion_knows_the_commands_and_options_of_the_pipeline(shell, typed):
    for words, expected in (
        ("fer-tfx linea", "lineage"),
        ("fer-tfx runs --js", "--json"),
        ("fer-tfx runs --ver", "--verbose"),
    ):
        done = run_python(_FER_TFX_COMPLETE=f"complete_{shell}", **typed(words))
        assert (done.returncode, done.stderr) == (0, "")
        assert expected in done.stdout
        assert "predict" not in done.stdout


def test_quiet_and_verbose_stand_before_a_command_or_after_it(capsys):
    for words in (["-q", "config"], ["config", "-q"], ["config", "--quiet"]):
        assert main(words) == 0
        assert not logging.getLogger("fer_tfx").isEnabledFor(logging.WARNING)
    assert main(["config"]) == 0
    assert logging.getLogger("fer_tfx").isEnabledFor(logging.WARNING)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("words", [["--debug", "runs"], ["runs", "--debug"]])
def test_debug_shows_the_trace_before_the_line(words, tmp_path):
    done = run_python(*words, "--set", f"runtime.root={tmp_path}")
    assert done.returncode == 2
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    assert done.stderr.splitlines()[-1].startswith(f"fer-tfx: {tmp_path}/fer/metadata.sqlite: no run is recorded")


def test_verbose_prints_what_is_logged_on_standard_error(tmp_path):
    code = (
        "import logging, fer_tfx.quiet as quiet; from pathlib import Path; quiet.set_loudness(logging.INFO)\n"
        f"with quiet.output_in_log(Path({str(tmp_path / 'log')!r})): logging.getLogger('urllib3').warning('retried')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "retried\n")


@pytest.mark.parametrize(
    ("words", "start"),
    [
        ("--out a.csv", "row,class,"),
        ("--out a.CSV", "row,class,"),
        ("--out a.jsonl", '{"row": 0, '),
        ("--out a.txt", "      0  "),
        ("--out a.csv --format jsonl", '{"row": 0, '),
    ],
)
def test_suffix_of_out_decides_the_format_unless_it_is_said(words, start, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("test.csv").write_text("pixels\n" + " ".join(["90"] * 2304) + "\n")
    assert main(["predict", "test.csv", *words.split()]) == 0
    assert next(tmp_path.glob("a.*")).read_text().startswith(start)
