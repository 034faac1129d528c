"""A Transform graph as the component writes it."""

from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from model_doubles import to_raw
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io

from models.preprocessing import preprocessing_fn


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
