"""A secret in the environment of a run, and the search for it in what the run leaves behind."""

import gzip
from collections.abc import Iterator
from pathlib import Path

SECRET = "planted-5d1f0c9e7a64b382"
ENVIRONMENT = {"AWS_SECRET_ACCESS_KEY": SECRET, "KAGGLE_KEY": SECRET, "FER_TFX_TEST_TOKEN": SECRET}


def find_leaks(folder: Path) -> Iterator[Path]:
    """Files below `folder` that hold the secret, as it is or packed by gzip."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and SECRET.encode() in _read(path):
            yield path


def _read(path: Path) -> bytes:
    content = path.read_bytes()
    return content + gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
