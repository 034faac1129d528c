"""Executors on real artifacts in a temporary folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tfx.types import artifact


@pytest.fixture
def make_artifact(tmp_path: Path) -> Callable[..., Any]:
    """A function that makes an empty artifact of a type, with a folder and an id of its own."""
    made: list[Any] = []

    def make(kind: type[artifact.Artifact]) -> Any:
        result = kind()
        result.id = len(made) + 1
        result.uri = str(tmp_path / "artifacts" / kind.__name__ / str(result.id))
        Path(result.uri).mkdir(parents=True)
        made.append(result)
        return result

    return make
