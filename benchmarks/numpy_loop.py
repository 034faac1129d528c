"""The least that reading a FER2013 CSV can cost in Python: a plain loop, nothing checked and nothing kept."""

from pathlib import Path

import numpy as np

from benchmarks.marks import LOOP_PART, Mark


def prepare(csv_path: Path, folder: Path, mark: Mark) -> None:
    """CSV `emotion,pixels` -> one uint8 array of 2,304 pixels after the other; nothing is written to `folder`."""
    with csv_path.open("rb") as csv:
        next(csv)
        for line in csv:
            emotion, pixels = line.split(b",")
            _ = int(emotion), np.fromstring(pixels, np.int64, sep=" ").astype(np.uint8)
    mark(LOOP_PART)
