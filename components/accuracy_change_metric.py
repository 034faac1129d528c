"""How a candidate's accuracy differs from the anchor's, TFMA's baseline, on the same rows, with an interval, for TFMA.

Two accuracies of the same rows differ by the rows on which only one model is right, so the interval of their
difference is far narrower than those of the two suggest.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.utils import model_util

from components.metric_sums import extract_row
from reporting.intervals import CHANGE_LEVEL, paired_difference_interval

CHANGE_NAME = "accuracy_change"
CHANGE_LOW_NAME = "accuracy_change_low"
CHANGE_HIGH_NAME = "accuracy_change_high"


@dataclass
class PairedHits:
    """Rows by which of the two models is right."""

    count: int = 0
    gained: int = 0
    """Rows that only the candidate got right."""
    lost: int = 0
    """Rows that only the baseline got right."""
    unsound: int = 0
    """Rows of which the candidate's probabilities are not all finite."""


class AccuracyChange(metric_types.Metric):  # type: ignore[misc]
    """Upper end of the paired 99 % interval of candidate minus baseline, under the metric's own name.

    The difference itself and the lower end come along as `accuracy_change` and `accuracy_change_low`. Without a
    baseline there are none of the three. Like TFMA's flip rates they are differences: a change threshold bounds them.
    """

    def __init__(self, name: str = CHANGE_HIGH_NAME, code: str = ""):
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
    baseline = model_util.get_baseline_model_spec(eval_config)
    if baseline is None:
        return []
    computations = []
    for model_name in model_names or []:
        for output_name in output_names or [""]:
            if model_name != baseline.name:
                keys = [
                    metric_types.MetricKey(each, model_name=model_name, output_name=output_name, is_diff=True)
                    for each in (CHANGE_NAME, CHANGE_LOW_NAME, name)
                ]
                combiner = _PairHits(keys, baseline.name, eval_config)
                computations.append(metric_types.MetricComputation(keys, None, combiner))
    return computations


class _PairHits(beam.CombineFn):  # type: ignore[misc]
    def __init__(self, keys: list[Any], baseline_name: str, eval_config: Any):
        self._keys = keys
        self._baseline_name = baseline_name
        self._eval_config = eval_config

    def create_accumulator(self) -> PairedHits:
        return PairedHits()

    def add_input(self, accumulator: PairedHits, element: Any) -> PairedHits:
        candidate, output = self._keys[0].model_name, self._keys[0].output_name
        true, probabilities = extract_row(element, self._eval_config, candidate, output)
        _, of_baseline = extract_row(element, self._eval_config, self._baseline_name, output)
        is_hit, was_hit = np.argmax(probabilities) == true, np.argmax(of_baseline) == true
        accumulator.count += 1
        accumulator.gained += int(is_hit and not was_hit)
        accumulator.lost += int(was_hit and not is_hit)
        accumulator.unsound += int(not np.isfinite(probabilities).all())
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[PairedHits]) -> PairedHits:
        merged = PairedHits()
        for each in accumulators:
            merged.count += each.count
            merged.gained += each.gained
            merged.lost += each.lost
            merged.unsound += each.unsound
        return merged

    def extract_output(self, accumulator: PairedHits) -> dict[Any, float]:
        if accumulator.unsound or not accumulator.count:
            return dict.fromkeys(self._keys, math.nan)
        count, gained, lost = accumulator.count, accumulator.gained, accumulator.lost
        interval = paired_difference_interval(gained, lost, count, CHANGE_LEVEL)
        return dict(zip(self._keys, ((gained - lost) / count, interval.low, interval.high), strict=True))
