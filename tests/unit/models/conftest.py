"""A real Transform graph, analysed once for all tests of `models`."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from model_doubles import draw_pixels, to_raw
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io

from models.preprocessing import preprocessing_fn
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


def write_transform(pixels: np.ndarray, shape: list[int], folder: Path, batch_size: int | None = None) -> Path:
    """Analyse `pixels` with Beam, as the component does, and save the graph; without `batch_size` Beam chooses it."""
    spec = {"pixels": tf.io.FixedLenFeature(shape, tf.string)}
    metadata = dataset_metadata.DatasetMetadata.from_feature_spec(spec)
    rows = [{"pixels": [raw] if shape else raw} for raw in to_raw(pixels)]
    with tft_beam.Context(temp_dir=str(folder / "temporary"), desired_batch_size=batch_size):
        transform_fn = (rows, metadata) | tft_beam.AnalyzeDataset(preprocessing_fn)
        transform_fn | tft_beam.WriteTransformFn(str(folder / "graph"))
    metadata_io.write_metadata(metadata, str(folder / "graph" / tft.TFTransformOutput.RAW_METADATA_DIR))
    return folder / "graph"
