"""How both stacks are started. They need not be at hand: `make test-current` alone brings both together."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
HERE = "tests/stacks"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--other-stack", metavar="COMMAND", default="",
        help="starts Python of the current stack in a copy of this checkout; sees the temporary folders of the tests",
    )  # fmt: skip


@dataclass(frozen=True)
class Stack:
    """One of the two.

    Args:
        python: command that starts its interpreter in the project's folder.
    """

    python: tuple[str, ...]

    def run(self, *words: object) -> subprocess.CompletedProcess[str]:
        command = [*self.python, *map(str, words)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    def ask(self, script: str, *words: object) -> Any:
        """What a script of this folder prints as its last line, in JSON."""
        done = self.run(f"{HERE}/{script}", *words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="session")
def older() -> Stack:
    return Stack((sys.executable,))


@pytest.fixture(scope="session")
def current(request: pytest.FixtureRequest) -> Stack:
    command = request.config.getoption("--other-stack")
    if not command:
        pytest.skip("only one stack is at hand: `make test-current` brings both together")
    return Stack(tuple(command.split()))
