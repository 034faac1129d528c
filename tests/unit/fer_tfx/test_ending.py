"""How a command ends: with one line of at most 500 characters, whatever it has to say."""

import pytest
import typer

from fer_tfx.commands.ending import abridge, print_error, run
from fer_tfx.errors import DataError

LONG = "x" * 3_000


def fail_with(error: Exception) -> int:
    """A command that fails so."""
    app = typer.Typer()

    @app.command()
    def work(number: int = 0) -> int:
        raise error

    return run(typer.main.get_command(app), [])


@pytest.mark.parametrize(
    "error",
    [
        DataError(f"faces.csv: {LONG}: download it again"),
        OSError(28, "No space left on device", LONG),
        DataError("".join(f"{place}: a fault; " for place in range(300))),
    ],
)
def test_message_of_a_failed_command_has_at_most_500_characters(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fail_with(error) in (1, 2)
    line = capsys.readouterr().err.rstrip("\n")
    assert 400 < len(line) <= 500
    assert "\n" not in line
    text = str(error) if isinstance(error, DataError) else "make room, or name a place on another disk"
    assert line.endswith(text[-40:])


def test_message_of_wrong_words_has_at_most_500_characters(capsys: pytest.CaptureFixture[str]) -> None:
    app = typer.Typer()
    app.command()(lambda: 0)
    assert run(typer.main.get_command(app), [f"--{LONG}"]) == 2
    line = capsys.readouterr().err.rstrip("\n")
    assert 400 < len(line) <= 500
    assert line.endswith("--help`")


def test_message_of_500_characters_is_printed_whole(capsys: pytest.CaptureFixture[str]) -> None:
    text = "y" * (500 - len("fer-tfx: "))
    print_error(text)
    assert capsys.readouterr().err == f"fer-tfx: {text}\n"


def test_long_message_is_cut_between_words() -> None:
    words = [f"word{number}" for number in range(200)]
    line = abridge(" ".join(words))
    first, last = line.split(" ... ")
    assert first.split() == words[: len(first.split())]
    assert last.split() == words[-len(last.split()) :]
    assert 470 < len(line) <= 500


def test_message_with_a_name_of_two_lines_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail_with(DataError("no\nsuch\x1b[31m.csv: no such file; check the path")) == 2
    assert capsys.readouterr().err == "fer-tfx: no\\nsuch\\x1b[31m.csv: no such file; check the path\n"
