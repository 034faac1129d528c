"""A real Transform graph, analysed once for all tests of `models`."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow_transform as tft
from model_doubles import draw_pixels
from written_transform import write_transform

from models.transform_graph import TransformGraph


@pytest.fixture(scope="session")
def train_pixels() -> np.ndarray:
    """The pictures that the Transform graph was analysed on: uint8 (6, 48, 48, 1), of unequal brightness."""
    return draw_pixels(6) // np.array([1, 2, 3, 4, 5, 6], np.uint8)[:, None, None, None]


@pytest.fixture(scope="session")
def transform_dir(train_pixels: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder that Transform wrote, where `pixels` has rank 1."""
    return write_transform(train_pixels, [], tmp_path_factory.mktemp("transform"))


@pytest.fixture(scope="session")
def transform(transform_dir: Path) -> TransformGraph:
    return TransformGraph(tft.TFTransformOutput(str(transform_dir)))
