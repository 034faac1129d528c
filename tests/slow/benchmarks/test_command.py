import pytest

from benchmarks.harness.command import make_parser, run_command
from fer_tfx.errors import DataError, GateError


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (DataError("rows.csv: no such file"), 2, "bench: rows.csv: no such file\n"),
        (GateError("refused"), 3, "bench: refused\n"),
        (KeyboardInterrupt(), 1, "bench: interrupted\n"),
    ],
)
def test_run_command_failure_ends_with_its_code_and_one_line(error, code, line, capsys):
    def fail(options: object) -> None:
        raise error

    assert run_command(make_parser("bench", None), fail, []) == code
    assert capsys.readouterr().err == line


def test_run_command_work_done_ends_with_0_and_other_errors_pass_through(capsys):
    parser = make_parser("bench", None)
    assert run_command(parser, lambda _: print("done"), []) == 0
    assert capsys.readouterr() == ("done\n", "")
    with pytest.raises(ZeroDivisionError):
        run_command(parser, lambda _: print(1 / 0), [])
