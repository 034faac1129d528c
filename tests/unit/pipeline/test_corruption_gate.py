"""Real SavedModels that TFMA asks about clean and corrupted pictures, as TFX's Evaluator has it do."""

import re
from collections.abc import Callable
from pathlib import Path

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from components.metrics.corrupted_accuracy import answer_corrupted, custom_extractors
from components.metrics.evaluation import explain_validation, read_metrics, read_robustness
from configs.spec import GateConfig
from fer_tfx.contract import (
    DEFAULT_CLASS_NAMES,
    IMAGE_SHAPE,
    PIXELS_KEY,
    PROBABILITIES_KEY,
    SERVE_EXAMPLES,
    SERVE_PIXELS,
)
from pipeline.eval_config import build_eval_config
from reporting.corruptions import CORRUPTIONS, corrupt_by_content
from schema.example import to_example

GATE = GateConfig(max_ece=1.0)
GREY = 101
TRUE = np.arange(140) % 7  # 20 rows of each class
PIXELS = np.full((140, 48, 48), GREY, np.uint8)
PIXELS[:, 0, 0] = TRUE

Answer = Callable[[tf.Tensor], tf.Tensor]


class RuleModelDouble(tf.Module):  # type: ignore[misc]
    """Stands in for an exported network: a rule over the pixels, int32 (n, 48, 48), gives the probabilities."""

    def __init__(self, answer: Answer):
        super().__init__()
        self._answer = answer

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        parsed = tf.io.parse_example(examples, {PIXELS_KEY: tf.io.FixedLenFeature([], tf.string)})
        return self.serve_pixels(tf.reshape(tf.io.decode_raw(parsed[PIXELS_KEY], tf.uint8), [-1, *IMAGE_SHAPE]))

    @tf.function(input_signature=[tf.TensorSpec([None, *IMAGE_SHAPE], tf.uint8, name="pixels")])
    def serve_pixels(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        return {PROBABILITIES_KEY: self._answer(tf.cast(pixels[..., 0], tf.int32))}


def be_sure(said: tf.Tensor) -> tf.Tensor:
    return tf.one_hot(said, 7, on_value=0.94, off_value=0.01)


def is_clean(pixels: tf.Tensor) -> tf.Tensor:
    """Whether nothing but the first row has been touched."""
    return tf.reduce_all(pixels[:, 1:] == GREY, axis=[1, 2])


def answer_brittle(pixels: tf.Tensor) -> tf.Tensor:
    """Right about a clean picture, always angry about any other."""
    return be_sure(tf.where(is_clean(pixels), pixels[:, 0, 0], 0))


def answer_nan(pixels: tf.Tensor) -> tf.Tensor:
    """Right about a clean picture, NaN about any other."""
    return tf.where(is_clean(pixels)[:, tf.newaxis], be_sure(pixels[:, 0, 0]), np.nan)


def answer_fragile(pixels: tf.Tensor) -> tf.Tensor:
    """Right about a clean picture; of any other each single grey level decides the answer."""
    return be_sure(tf.where(is_clean(pixels), pixels[:, 0, 0], tf.reduce_sum(pixels, axis=[1, 2]) % 7))


def make_batch(rows: slice) -> pa.RecordBatch:
    pairs = list(zip(PIXELS[rows], TRUE[rows].tolist(), strict=True))
    return pa.RecordBatch.from_pydict(
        {
            "pixels": pa.array([[pixels.tobytes()] for pixels, _ in pairs], pa.large_list(pa.large_binary())),
            "emotion": pa.array([[label] for _, label in pairs], pa.large_list(pa.int64())),
            tfma.ARROW_INPUT_COLUMN: pa.array(
                [[to_example(pixels.tobytes(), label, "", 0).SerializeToString()] for pixels, label in pairs],
                pa.large_list(pa.large_binary()),
            ),
        }
    )


class Evaluations:
    """Saves models and evaluates them."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._count = 0

    def __call__(
        self, answer: Answer, baseline: Answer | None = None, cuts: tuple[int, ...] = (), gate: GateConfig = GATE
    ) -> str:
        """URI of the evaluation; `cuts` are the positions where a new batch begins."""
        self._count += 1
        folder = self._folder / str(self._count)
        config = tfma.utils.update_eval_config_with_defaults(
            build_eval_config(gate, ""), has_baseline=baseline is not None, rubber_stamp=True
        )
        answers = {spec.name: baseline if spec.is_baseline else answer for spec in config.model_specs}
        models = [self._save(rule, str(folder / f"model-{name}"), name, config) for name, rule in answers.items()]
        shared = models[0] if len(models) == 1 else models
        batches = [make_batch(slice(*ends)) for ends in zip((0, *cuts), (*cuts, len(TRUE)), strict=True)]
        with beam.Pipeline() as pipeline:
            _ = (
                pipeline
                | beam.Create(batches)
                | tfma.ExtractEvaluateAndWriteResults(
                    eval_shared_model=shared,
                    eval_config=config,
                    extractors=custom_extractors(shared, config, None),
                    output_path=str(folder),
                )
            )
        return str(folder)

    def _save(
        self, answer: Answer, folder: str, name: str, config: config_pb2.EvalConfig
    ) -> tfma.types.EvalSharedModel:
        module = RuleModelDouble(answer)
        signatures = {SERVE_EXAMPLES: module.serve_examples, SERVE_PIXELS: module.serve_pixels}
        tf.saved_model.save(module, folder, signatures=signatures)
        is_candidate = name != "baseline"  # TFX always stamps it, so that a first model needs no baseline
        return tfma.default_eval_shared_model(folder, model_name=name, eval_config=config, rubber_stamp=is_candidate)


@pytest.fixture(scope="module")
def evaluate(tmp_path_factory) -> Evaluations:
    return Evaluations(tmp_path_factory.mktemp("evaluations"))


@pytest.fixture(scope="module")
def brittle(evaluate) -> str:
    return evaluate(answer_brittle)


@pytest.fixture(scope="module")
def fragile(evaluate) -> str:
    return evaluate(answer_fragile)


def test_gate_model_that_is_useless_on_corrupted_pictures_is_refused_for_that_alone(brittle):
    assert read_metrics(brittle)[()]["accuracy"] == 1.0
    assert explain_validation(brittle, DEFAULT_CLASS_NAMES) == [
        "mean accuracy on corrupted pictures is 0.1429, at least 0.3500"
    ]


def test_read_robustness_has_every_corruption_in_its_order(brittle):
    robustness = read_robustness(brittle)
    assert list(robustness) == list(CORRUPTIONS)
    assert list(robustness.values()) == pytest.approx([1 / 7] * 8)


def test_read_metrics_each_class_has_its_own_corrupted_accuracy(brittle):
    metrics = read_metrics(brittle)
    by_class = [metrics[(("emotion", index),)]["corrupted_accuracy"] for index in range(7)]
    assert by_class == [1, 0, 0, 0, 0, 0, 0]


def test_gate_model_that_says_nan_to_corrupted_pictures_is_refused(evaluate):
    assert explain_validation(evaluate(answer_nan), DEFAULT_CLASS_NAMES) == [
        "mean accuracy on corrupted pictures is nan, at least 0.3500"
    ]


def test_read_robustness_other_batches_give_the_same_figures(evaluate, fragile):
    def list_hits(name: str) -> np.ndarray:
        return corrupt_by_content(name, PIXELS).sum(axis=(1, 2), dtype=int) % 7 == TRUE

    whole = read_robustness(fragile)
    assert whole == pytest.approx({name: list_hits(name).mean() for name in CORRUPTIONS})
    assert read_robustness(evaluate(answer_fragile, cuts=(1, 50, 53))) == whole


@pytest.fixture(scope="module")
def compared(evaluate) -> str:
    """The fragile model beside a baseline, with a bound that is lower."""
    return evaluate(answer_fragile, baseline=answer_brittle, gate=GateConfig(max_ece=1, min_corrupted_accuracy=0.05))


def test_gate_model_whose_bound_is_lower_passes(fragile, compared):
    assert explain_validation(compared, DEFAULT_CLASS_NAMES) == []
    (refusal,) = explain_validation(fragile, DEFAULT_CLASS_NAMES)
    assert re.fullmatch(r"mean accuracy on corrupted pictures is 0\.[01]\d+, at least 0\.3500", refusal)


def test_read_robustness_with_a_baseline_is_that_of_the_candidate(fragile, compared):
    assert read_robustness(compared) == read_robustness(fragile)
    assert not [name for name in read_metrics(compared)[()] if name.startswith("accuracy_under") and "diff" in name]


def test_answer_corrupted_more_rows_than_a_batch_keeps_rows_and_corruptions_apart():
    sizes = []

    def predict(batch: np.ndarray) -> np.ndarray:
        sizes.append(len(batch))
        return np.eye(7)[batch.sum(axis=(1, 2), dtype=int) % 7]

    answers = answer_corrupted(predict, PIXELS)
    assert sizes == [256, 256, 256, 256, 96]
    for column, name in enumerate(CORRUPTIONS):
        assert (answers[:, column] == corrupt_by_content(name, PIXELS).sum(axis=(1, 2), dtype=int) % 7).all()
