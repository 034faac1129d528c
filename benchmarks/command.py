"""How every benchmark ends: with 0, or with one line on stderr and the exit code of its error."""

import sys
from collections.abc import Callable

from schema.errors import FerError


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
