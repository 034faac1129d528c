"""Executors on real artifacts in a temporary folder."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tfx.types import artifact
from tfx.utils import io_utils


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


@pytest.fixture
def move_to_memory(tmp_path: Path) -> Callable[..., Any]:
    """A function that moves artifacts into TensorFlow's file system in memory, which stands in for a bucket.

    Whatever takes a URI for a path of this machine finds nothing there.
    """

    def move(artifacts: dict[str, list[Any]]) -> dict[str, list[Any]]:
        for key, each in ((key, each) for key, group in artifacts.items() for each in group):
            folder, each.uri = Path(each.uri), f"ram:/{tmp_path}/{key}/{each.id}"
            # As in a bucket, a folder is there only by its files.
            for path in filter(Path.is_file, folder.rglob("*")):
                io_utils.copy_file(str(path), f"{each.uri}/{path.relative_to(folder)}")
            shutil.rmtree(folder)
        return artifacts

    return move
