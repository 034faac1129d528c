"""How often a model is right on worse pictures, for TFMA, from the answers of `components.corruption_extractor`."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
import numpy as np
import numpy.typing as npt
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types

from components.metric_sums import extract_row
from reporting.corruptions import CORRUPTIONS

CORRUPTED_ACCURACY_NAME = "corrupted_accuracy"
ACCURACY_NAMES = {name: f"accuracy_under_{name}" for name in CORRUPTIONS}
"""Metric by corruption."""

ANSWERS_KEY = "corrupted_answers"
"""Feature of a row: the candidate's class index under each corruption, int64 (8,), in their order."""
UNSOUND_ANSWER = -1
"""Stands for an answer whose probabilities are not all finite."""


@dataclass
class CorruptedHits:
    """Right answers by corruption; those of two parts of a slice add up."""

    count: int = 0
    unsound: int = 0
    """Rows with an answer that is unsound or missing; they count as hits of none."""
    hits: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(CORRUPTIONS), np.int64))

    def add_row(self, class_index: int, answers: npt.NDArray[np.int64] | None) -> None:
        """Take in a row of a true class and the answers (8,) to its corrupted pictures, if it was asked about them."""
        self.count += 1
        if answers is None or (answers == UNSOUND_ANSWER).any():
            self.unsound += 1
        else:
            self.hits += answers == class_index

    def add(self, other: "CorruptedHits") -> None:
        """Take in the rows of another part."""
        self.count += other.count
        self.unsound += other.unsound
        self.hits += other.hits


class CorruptedAccuracy(metric_types.Metric):  # type: ignore[misc]
    """Mean over the corruptions of the accuracy under each, as in Hendrycks & Dietterich 2019 at one severity.

    The accuracies come along as `accuracy_under_<corruption>`. Only a candidate has them: a baseline isn't asked. One
    row without sound answers makes all of them NaN, which no bound lets through.
    """

    def __init__(self, name: str = CORRUPTED_ACCURACY_NAME, code: str = ""):
        """`code` is the fingerprint of our metrics, so that an edit changes the Evaluator's cache key."""
        super().__init__(_build_computations, name=name, code=code)


def _build_computations(
    name: str,
    code: str,
    eval_config: Any = None,
    model_names: list[str] | None = None,
    output_names: list[str] | None = None,
) -> list[Any]:
    del code
    baseline = tfma.utils.get_baseline_model_spec(eval_config)
    preprocessor = metric_types.FeaturePreprocessor(feature_keys=[ANSWERS_KEY])
    computations = []
    for model_name in model_names or [""]:
        for output_name in output_names or [""]:
            if baseline is None or model_name != baseline.name:
                keys = [
                    metric_types.MetricKey(each, model_name=model_name, output_name=output_name)
                    for each in (name, *ACCURACY_NAMES.values())
                ]
                combiner = _CountHits(keys, eval_config)
                computations.append(metric_types.MetricComputation(keys, [preprocessor], combiner))
    return computations


class _CountHits(beam.CombineFn):  # type: ignore[misc]
    def __init__(self, keys: list[Any], eval_config: Any):
        self._keys = keys
        self._eval_config = eval_config

    def create_accumulator(self) -> CorruptedHits:
        return CorruptedHits()

    def add_input(self, accumulator: CorruptedHits, element: Any) -> CorruptedHits:
        true, _ = extract_row(element, self._eval_config, self._keys[0].model_name, self._keys[0].output_name)
        accumulator.add_row(true, element.features.get(ANSWERS_KEY))
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[CorruptedHits]) -> CorruptedHits:
        merged = CorruptedHits()
        for each in accumulators:
            merged.add(each)
        return merged

    def extract_output(self, accumulator: CorruptedHits) -> dict[Any, float]:
        if accumulator.unsound or not accumulator.count:
            return dict.fromkeys(self._keys, math.nan)
        accuracies = accumulator.hits / accumulator.count
        return dict(zip(self._keys, map(float, (accuracies.mean(), *accuracies)), strict=True))
