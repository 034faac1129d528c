"""Accuracy on corrupted pictures: the candidate is asked about them, and its hits are counted.

TFX's Evaluator imports this file by name and calls `custom_extractors`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_model_analysis as tfma

from components.metrics.base import AT_LEAST, Bound, SummedMetric, Sums, extract_row
from fer_tfx.contract import IMAGE_SIZE_PX, PIXELS_KEY, PROBABILITIES_KEY, SERVE_PIXELS
from reporting.corruptions import CORRUPTIONS, corrupt_by_content

ACCURACY_NAMES = {name: f"accuracy_under_{name}" for name in CORRUPTIONS}  # metric by corruption

ANSWERS_KEY = "corrupted_answers"  # feature of a row: the candidate's class index under each corruption, int64 (8,)
UNSOUND_ANSWER = -1  # stands for an answer whose probabilities are not all finite

_BATCH_SIZE = 256  # bounds the memory of a network's first layers

Pixels = npt.NDArray[np.uint8]
Predict = Callable[[Pixels], npt.NDArray[np.floating[Any]]]


@dataclass
class CorruptedHits(Sums):
    """Right answers by corruption; an unsound row counts as a hit of none."""

    FEATURES = (ANSWERS_KEY,)

    hits: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(CORRUPTIONS), np.int64))

    def add_element(self, element: Any, eval_config: Any, model_name: str) -> None:
        true, _ = extract_row(element, eval_config, model_name)
        self.add_row(true, element.features.get(ANSWERS_KEY))

    def add_row(self, class_index: int, answers: npt.NDArray[np.int64] | None) -> None:
        """Take in a row of a true class and the answers (8,) to its corrupted pictures, if it was asked about them."""
        self.count += 1
        if answers is None or (answers == UNSOUND_ANSWER).any():
            self.unsound += 1
        else:
            self.hits += answers == class_index


class CorruptedAccuracy(SummedMetric):
    """Mean over the corruptions of the accuracy under each, as in Hendrycks & Dietterich 2019 at one severity.

    Each accuracy is also measured as `accuracy_under_<corruption>`.
    """

    NAME = "corrupted_accuracy"
    WORDS = "mean accuracy on corrupted pictures"
    BOUND = Bound(AT_LEAST, "min_corrupted_accuracy")
    SUMS = CorruptedHits
    OTHERS = tuple(ACCURACY_NAMES.values())
    IS_OF_CANDIDATE = True

    @staticmethod
    def compute(sums: CorruptedHits) -> tuple[float, ...]:
        accuracies = sums.hits / sums.count
        return accuracies.mean(), *accuracies


def custom_extractors(eval_shared_model: Any, eval_config: Any, tensor_adapter_config: Any) -> list[Any]:
    """TFMA's own extractors, and behind the one that reads the features one that adds the answers to them.

    The baseline isn't asked: its accuracy bounds nothing, and each model costs eight predictions a row.
    """
    features, *others = tfma.default_extractors(
        eval_shared_model=eval_shared_model, eval_config=eval_config, tensor_adapter_config=tensor_adapter_config
    )
    models = tfma.utils.verify_and_update_eval_shared_models(eval_shared_model)
    (candidate,) = (model for model in models if not model.is_baseline)
    answers = tfma.extractors.Extractor("ExtractCorruptedAnswers", beam.ParDo(_AskCandidate(candidate.model_loader)))
    return [features, answers, *others]


class _AskCandidate(tfma.utils.DoFnWithModels):  # type: ignore[misc]
    """Batched extracts in, the same with one more feature out."""

    def __init__(self, loader: Any):
        super().__init__({"": loader})

    def process(self, extracts: dict[str, Any]) -> Iterator[dict[str, Any]]:
        signature = self._loaded_models[""].signatures[SERVE_PIXELS]
        features = extracts[tfma.FEATURES_KEY]
        pixels = np.frombuffer(b"".join(features[PIXELS_KEY].ravel()), np.uint8)
        answers = answer_corrupted(
            lambda batch: signature(**{PIXELS_KEY: tf.constant(batch[..., np.newaxis])})[PROBABILITIES_KEY].numpy(),
            pixels.reshape(-1, IMAGE_SIZE_PX, IMAGE_SIZE_PX),
        )
        yield {**extracts, tfma.FEATURES_KEY: {**features, ANSWERS_KEY: answers}}


def answer_corrupted(predict: Predict, pixels: Pixels) -> npt.NDArray[np.int64]:
    """A model's classes of pictures, uint8 (n, 48, 48), n at least 1, under each corruption.

    `predict` maps uint8 (m, 48, 48), m at most 256, to probabilities (m, classes). Returns int64 (n, 8): class indices
    in the order of `CORRUPTIONS`, -1 where a probability is not finite.
    """
    corrupted = np.concatenate([corrupt_by_content(name, pixels) for name in CORRUPTIONS])
    batches = (corrupted[start : start + _BATCH_SIZE] for start in range(0, len(corrupted), _BATCH_SIZE))
    probabilities = np.concatenate([predict(batch) for batch in batches])
    is_sound = np.isfinite(probabilities).all(axis=1)
    answers = np.where(is_sound, probabilities.argmax(axis=1), UNSOUND_ANSWER)
    return answers.reshape(len(CORRUPTIONS), len(pixels)).T
