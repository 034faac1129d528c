"""How every benchmark ends: with 0, or with one line on stderr and the exit code of its error."""

import sys
from collections.abc import Callable
from pathlib import Path

from fer_tfx.errors import DataError, FerError


def run_command(name: str, work: Callable[[], None]) -> int:
    """Do `work` and return the exit code: 0, that of a FerError, or 1 where the user has interrupted it."""
    try:
        work()
    except FerError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return 1
    return 0


def run_report(name: str, out: Path | None, write_report: Callable[[], str]) -> int:
    """Print a report and, where `out` is given, write it there; whether that can be is looked at before the work."""

    def work() -> None:
        if out and not out.parent.is_dir():
            raise DataError(f"{out}: no such folder; give --out a file in an existing one")
        report = write_report()
        print(report, end="")
        if out:
            out.write_text(report, encoding="utf-8")

    return run_command(name, work)
