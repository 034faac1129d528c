"""TFX's own Tuner and Trainer on drawn faces, as the graph sets them up; also run by the process that a test kills."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, get_type_hints

from model_doubles import TINY_MODEL, TINY_TRAINER
from tfx import v1 as tfx
from tfx.components.tuner.executor import Executor as TunerExecutor
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import channel_utils, standard_artifacts

from components.span_trainer import Executor as TrainerExecutor
from components.span_trainer import Trainer
from configs.convert import read_setting
from configs.load import to_json
from configs.spec import ExportConfig, ModelConfig, PipelineConfig, Recipe, TrainingInputConfig, TunerConfig
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from pipeline.graph import build_tuning
from schema.drawn_faces import draw_faces
from schema.example import to_example

# A setting that decides how many weights there are, whatever networks are made of at the time.
SIZE = next(f"model.{name}" for name, kind in get_type_hints(ModelConfig).items() if kind is int)
CONFIGURED_SIZE = read_setting(Recipe(TINY_MODEL, TINY_TRAINER), SIZE)
# The recipe as configured lies outside, so that whoever wins differs from it.
SPACE = {"trainer.peak_learning_rate": (0.02, 0.04), SIZE: (CONFIGURED_SIZE + 1, CONFIGURED_SIZE + 2)}
CONFIG = PipelineConfig(
    model=TINY_MODEL,
    trainer=replace(TINY_TRAINER, epochs=3, batch_size=16),
    tuner=TunerConfig(trials=2, epochs=2, space=SPACE),
)
SETTINGS = {"model": CONFIG.model, "trainer": CONFIG.trainer, "export": ExportConfig()}


def write_faces(folder: Path) -> standard_artifacts.Examples:
    """240 faces to train on and 80 to judge by."""
    import tensorflow as tf

    for split, count, seed in [("train", 240, 1), ("eval", 80, 2)]:
        faces, target = draw_faces(count, seed), folder / f"Split-{split}"
        target.mkdir(parents=True)
        with tf.io.TFRecordWriter(str(target / "data.gz"), "GZIP") as writer:
            for row, (pixels, index) in enumerate(zip(faces.pixels, faces.class_indices, strict=True)):
                writer.write(to_example(pixels.tobytes(), int(index), "drawn", row).SerializeToString())
    return load_faces(folder)


def load_faces(folder: Path) -> standard_artifacts.Examples:
    """The artifact of faces that `write_faces` wrote."""
    examples = standard_artifacts.Examples()
    examples.uri, examples.split_names = str(folder), '["train", "eval"]'
    examples.set_int_custom_property("span", 12)
    examples.set_string_custom_property("input_fingerprint", "num_files:1")
    return examples


def load_graph(folder: Path) -> standard_artifacts.TransformGraph:
    graph = standard_artifacts.TransformGraph()
    graph.uri = str(folder)
    return graph


def run_tuner(examples: Any, transform_graph: Any, folder: Path, config: PipelineConfig = CONFIG) -> Path:
    """Run TFX's executor with what the graph hands to it: the folder of best_hyperparameters."""
    channels = [channel_utils.as_channel([artifact]) for artifact in (examples, transform_graph)]
    (node,) = build_tuning(config, None, str(folder / "checkpoints"), *channels).nodes
    outputs = {"best_hyperparameters": [standard_artifacts.HyperParameters()],
               "tuner_results": [standard_artifacts.TunerResults()]}  # fmt: skip
    for name, (artifact,) in outputs.items():
        artifact.uri = str(folder / name)
    context = BaseExecutor.Context(tmp_dir=str(folder / "scratch"), unique_id="1")
    inputs = {"examples": [examples], "transform_graph": [transform_graph]}
    TunerExecutor(context).Do(inputs, outputs, node.exec_properties)
    return folder / "best_hyperparameters"


def run_trainer(examples: Any, transform_graph: Any, hyperparameters_dir: Path, folder: Path) -> None:
    """Run TFX's Trainer on a tuner's result, as the graph would."""
    hyperparameters = standard_artifacts.HyperParameters()
    hyperparameters.uri = str(hyperparameters_dir)
    inputs = {"examples": [examples], "transform_graph": [transform_graph], "hyperparameters": [hyperparameters]}
    node = Trainer(
        run_fn="models.trainer_fn.run_fn",
        **{name: channel_utils.as_channel(artifacts) for name, artifacts in inputs.items()},
        train_args=tfx.proto.TrainArgs(splits=["train"]),
        eval_args=tfx.proto.EvalArgs(splits=["eval"]),
        custom_config={
            **{section: to_json(config) for section, config in SETTINGS.items()},
            "training_input": to_json(TrainingInputConfig()),
            "classes": json.dumps(DEFAULT_CLASS_NAMES),
            "checkpoint_root": str(folder / "checkpoints"),
            "code": "c0de",
        },
    )
    assert node.executor_spec.executor_class is TrainerExecutor
    outputs = {"model": [standard_artifacts.Model()], "model_run": [standard_artifacts.ModelRun()]}
    for name, (artifact,) in outputs.items():
        artifact.uri = str(folder / name)
    TrainerExecutor().Do(inputs, outputs, node.exec_properties)
