"""Ways that keep everything in memory and check nothing: plain NumPy, and pandas as in most notebooks."""

from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.harness.marks import Mark
from benchmarks.ways import LOOP_PART
from fer_tfx.contract import IMAGE_SHAPE, PIXELS_KEY


def loop(csv_path: Path, folder: Path, mark: Mark) -> None:
    """The least that reading the CSV can cost in Python: each row's pixels as uint8 (2304,), nothing kept."""
    del folder
    with csv_path.open("rb") as csv:
        next(csv)
        for line in csv:
            emotion, pixels = line.split(b",")
            _ = int(emotion), np.fromstring(pixels, np.int64, sep=" ").astype(np.uint8)
    mark(LOOP_PART)


def notebook(csv_path: Path, folder: Path, mark: Mark) -> None:
    """CSV -> float32 images (n, 48, 48, 1), z-scored, in one array."""
    del folder
    table = pd.read_csv(csv_path)
    pixels = np.stack([np.array(text.split(), dtype=np.float32) for text in table[PIXELS_KEY]]) / 255.0
    images = ((pixels - pixels.mean()) / pixels.std()).reshape(-1, *IMAGE_SHAPE).astype(np.float32)
    mark("arrays")
    del images
