"""Data preparation as TFX's own components do it out of the box: pixels stay text until Transform."""

from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
from tfx import v1 as tfx

from benchmarks.harness.marks import Mark
from fer_tfx.contract import IMAGE_KEY, IMAGE_SHAPE, LABEL_KEY, PIXELS_KEY, transformed_name


def preprocessing_fn(inputs: dict[str, Any]) -> dict[str, Any]:
    """Text of numbers -> z-scored pictures, float32 (batch, 48, 48, 1), and labels, int64 (batch, 1)."""
    numbers = tf.strings.split(tf.reshape(inputs[PIXELS_KEY], [-1]), " ").values
    pixels = tf.reshape(tf.strings.to_number(numbers, tf.float32), [-1, *IMAGE_SHAPE])
    return {IMAGE_KEY: tft.scale_to_z_score(pixels), transformed_name(LABEL_KEY): inputs[LABEL_KEY]}


def prepare(csv_path: Path, folder: Path, mark: Mark) -> None:
    """CSV -> Transform's graph and the float32 images of both splits on disk, which Transform writes by default."""
    example_gen = tfx.components.CsvExampleGen(input_base=str(csv_path.parent))
    examples = example_gen.outputs["examples"]
    statistics_gen = tfx.components.StatisticsGen(examples=examples)
    statistics = statistics_gen.outputs["statistics"]
    schema_gen = tfx.components.SchemaGen(statistics=statistics)
    schema = schema_gen.outputs["schema"]
    validator = tfx.components.ExampleValidator(statistics=statistics, schema=schema)
    preprocessing = f"{__name__}.{preprocessing_fn.__name__}"
    transform = tfx.components.Transform(examples=examples, schema=schema, preprocessing_fn=preprocessing)
    metadata = tfx.orchestration.metadata.sqlite_metadata_connection_config(str(folder / "metadata.sqlite"))
    components = [example_gen, statistics_gen, schema_gen, validator, transform]
    pipeline = tfx.dsl.Pipeline("stock", str(folder / "artifacts"), metadata, components=components)
    tfx.orchestration.LocalDagRunner().run(pipeline)
    mark("nodes")
