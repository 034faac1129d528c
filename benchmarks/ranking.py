"""The split that recipes are ranked on: strict training rows alone, so that ranking wears no test set out."""

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.fer2013 import TEST_FILE, TRAIN_FILE, StrictRows, read_strict_rows
from configs.spec import DataConfig
from fer_tfx.contract import TRAIN_SPLIT
from fer_tfx.errors import DataError

SCORED_FRACTION = 0.3
"""Share of the pictures that recipes are judged by. Of FER2013 that is 8,000 rows: accuracy has a standard error of
half a point, and the difference of two networks, whose answers are alike, one of about 0.4."""


class Pictures(NamedTuple):
    """Labelled rows."""

    pixels: npt.NDArray[np.uint8]
    """(n, 48, 48)"""
    class_indices: npt.NDArray[np.int64]
    """(n,), 0-6"""


class RankingRows(NamedTuple):
    """The strict rows, in the order of their pictures' SHA-256."""

    pictures: Pictures
    is_scored: npt.NDArray[np.bool_]
    """(n,), whether the row is judged by instead of trained on."""

    def select(self, is_scored: bool) -> Pictures:
        """One of the two parts."""
        chosen = self.is_scored == is_scored
        return Pictures(self.pictures.pixels[chosen], self.pictures.class_indices[chosen])


def split_rows(rows: StrictRows) -> RankingRows:
    """Split by picture, with the rule of `data.eval_fraction`: in whatever order and company a picture comes, its part
    stays the same.

    Raises:
        DataError: a part is empty.
    """
    from components.face_example_gen.graph import split_by_digest

    config = DataConfig(eval_fraction=SCORED_FRACTION)
    is_scored = np.array([split_by_digest(digest, config) != TRAIN_SPLIT for digest in rows.digests])
    if is_scored.all() or not is_scored.any():
        raise DataError(
            f"{TRAIN_FILE}: {len(is_scored)} different pictures are too few to train on some, judge by others"
        )
    return RankingRows(Pictures(rows.pixels, rows.class_indices), is_scored)


def read_ranking_rows(data: Path, state: Path) -> RankingRows:
    """Read the competition's files, or what an earlier call kept of the very same files in the folder `state`.

    Raises:
        DataError: a file is missing or broken.
    """
    kept = state / f"rows-{_digest_files(data)}.npz"
    if not kept.exists():
        rows = split_rows(read_strict_rows(data))
        write_arrays(kept, **rows.pictures._asdict(), is_scored=rows.is_scored)
    with np.load(kept) as arrays:
        return RankingRows(Pictures(arrays["pixels"], arrays["class_indices"]), arrays["is_scored"])


def _digest_files(data: Path) -> str:
    digest = hashlib.sha256(repr(SCORED_FRACTION).encode())
    for name in (TRAIN_FILE, TEST_FILE):
        try:
            digest.update(hashlib.sha256((data / name).read_bytes()).digest())
        except OSError as error:
            raise DataError(
                f"{data / name}: can't be read: {error.strerror}; give --data a folder of the competition's files"
            ) from None
    return digest.hexdigest()[:16]


def write_arrays(path: Path, **arrays: npt.NDArray[np.generic]) -> None:
    """Write an npz file that is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with partial.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    partial.replace(path)
