"""What pytest's processes, of which each has its own fixtures, make once for all."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def make_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that the process that comes first fills, while the others wait for it.

    Args:
        factory: pytest's.
        name: of the folder, for everyone the same.
        make: fills the folder that it is given, empty.
    """
    # xdist has each of its processes work in a folder of its own, side by side.
    own = factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / name
    made = folder.with_name(f"{name}.made")
    with FileLock(folder.with_name(f"{name}.lock")):
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            made.touch()
    return folder
