"""Data preparation as most notebooks do it: everything in memory, nothing checked, nothing kept."""

from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.marks import Mark
from fer_tfx.contract import IMAGE_SHAPE, PIXELS_KEY


def prepare(csv_path: Path, folder: Path, mark: Mark) -> None:
    """CSV -> float32 images (n, 48, 48, 1), z-scored, in one array."""
    del folder
    table = pd.read_csv(csv_path)
    pixels = np.stack([np.array(text.split(), dtype=np.float32) for text in table[PIXELS_KEY]]) / 255.0
    images = ((pixels - pixels.mean()) / pixels.std()).reshape(-1, *IMAGE_SHAPE).astype(np.float32)
    mark("arrays")
    del images
