"""SoftTargets: the training rows once more, each with a teacher's answer as its column `target`."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import Examples, Model
from tfx.utils import path_utils

from components.artifacts import TARGETS_KEY, Artifacts, Component, TaughtExamples, declare
from components.model_facts import read_extras
from components.span_trainer import name_files
from configs.spec import MOST_FOLDS
from fer_tfx.contract import PROBABILITIES_KEY, SERVE_EXAMPLES, TARGET_KEY, TEMPERATURE_KEY, TRAIN_SPLIT
from fer_tfx.errors import DataError
from models.dataset import find_folds, read_records

TEACHER_KEYS = tuple(f"teacher_{fold}" for fold in range(MOST_FOLDS))
_BATCH_SIZE = 256

Teacher = Callable[[tf.Tensor], npt.NDArray[np.float64]]
"""Serialised examples, string (b,) -> probabilities, (b, classes)."""


class Executor(BaseExecutor):  # type: ignore[misc]
    """Keeps files and the order of rows, so that equal teachers give a training of the same name.

    TFX's BulkInferrer keeps neither, asks every teacher about every row, and of a window of spans reads one.
    """

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        models = [input_dict[key] for key in TEACHER_KEYS if input_dict.get(key)]
        teachers = [open_teacher(path_utils.serving_model_path(artifact_utils.get_single_uri(each))) for each in models]
        out = artifact_utils.get_single_uri(output_dict[TARGETS_KEY])
        tf.io.gfile.makedirs(out)
        for examples in input_dict["examples"]:
            split = artifact_utils.get_split_uri([examples], TRAIN_SPLIT)
            for name in sorted(tf.io.gfile.listdir(split)):
                teach(os.path.join(split, name), os.path.join(out, f"{name_files(examples)}{name}"), teachers)


class SoftTargets(Component):
    """Writes the train split of `examples`, in which each row has the answer of the teacher of its fold.

    Outputs:
        targets: what a Trainer reads in place of that split.
    """

    SPEC_CLASS = declare(
        parameters={"code": str},
        inputs={"examples": Examples},
        optional_inputs=dict.fromkeys(TEACHER_KEYS, Model),
        outputs={TARGETS_KEY: TaughtExamples},
    )
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)


def open_teacher(model_dir: str) -> Teacher:
    """An exported model, its temperature taken off again: it was fitted to eval rows, which must teach nobody."""
    model = tf.saved_model.load(model_dir)
    temperature = read_extras(model_dir)[0][TEMPERATURE_KEY]

    def answer(examples: tf.Tensor) -> npt.NDArray[np.float64]:
        probabilities = model.signatures[SERVE_EXAMPLES](examples=examples)[PROBABILITIES_KEY].numpy()
        powers = probabilities.astype(np.float64) ** temperature
        answers: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
        return answers

    return answer


def teach(source: str, destination: str, teachers: list[Teacher]) -> None:
    """Write a file of examples with targets. Raises DataError if they have some already."""
    with tf.io.TFRecordWriter(destination, "GZIP") as writer:
        for batch in read_records([source]).batch(_BATCH_SIZE):
            folds = find_folds(batch, len(teachers)).numpy()
            examples = [tf.train.Example.FromString(each) for each in batch.numpy()]
            for fold, answer in enumerate(teachers):
                rows = np.flatnonzero(folds == fold)
                for row, target in zip(rows, answer(tf.gather(batch, rows)), strict=True):
                    feature = examples[row].features.feature
                    if TARGET_KEY in feature:
                        raise DataError(f"{source}: its rows have a `{TARGET_KEY}` already; use distillation.folds=0")
                    feature[TARGET_KEY].float_list.value.extend(target)
            for example in examples:
                writer.write(example.SerializeToString(deterministic=True))
