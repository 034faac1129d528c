"""What our own metrics for TFMA follow from: sums over the rows of a slice, made once for all of them.

They fail closed: one row without finite probabilities makes each of them NaN, which no bound lets through.
"""

import abc
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import apache_beam as beam
import numpy as np
import numpy.typing as npt
from tensorflow_model_analysis.metrics import metric_types, metric_util

from fer_tfx.contract import CLASS_COUNT
from reporting.calibration import compute_bin_sums, compute_brier_score, compute_nll
from reporting.classification import compute_confusion

_SUMS_NAME = "_row_sums"  # TFMA keeps what begins with one underscore to itself


@dataclass
class RowSums:
    """Sums over rows; those of two parts of a slice add up."""

    count: int = 0
    unsound: int = 0
    """Rows with a probability that is NaN or infinite; they enter no other sum."""
    nll: float = 0.0
    """In nats."""
    brier: float = 0.0
    confidence: npt.NDArray[np.float64] | float = 0.0
    """float64 (4, 15), as `compute_bin_sums` gives them; 0 before the first row."""
    confusion: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros((CLASS_COUNT, CLASS_COUNT), np.int64))
    """By true class and most probable class."""

    def add_row(self, class_index: int, probabilities: npt.NDArray[np.float64]) -> None:
        """Take in a row of a true class and probabilities (7,)."""
        if not np.isfinite(probabilities).all():
            self.unsound += 1
            return
        rows, classes = probabilities[np.newaxis], np.array([class_index])
        self.count += 1
        self.nll += compute_nll(rows, classes)
        self.brier += compute_brier_score(rows, classes)
        self.confidence = self.confidence + compute_bin_sums(rows, classes)
        self.confusion += compute_confusion(classes, rows.argmax(axis=1), CLASS_COUNT)

    def add(self, other: "RowSums") -> None:
        """Take in the rows of another part."""
        self.count += other.count
        self.unsound += other.unsound
        self.nll += other.nll
        self.brier += other.brier
        self.confidence = self.confidence + other.confidence
        self.confusion += other.confusion


def extract_row(
    inputs: Any, eval_config: Any, model_name: str, output_name: str
) -> tuple[int, npt.NDArray[np.float64]]:
    """True class and probabilities, float64 (7,), that a model gave one of TFMA's rows."""
    label, probabilities, _ = next(
        metric_util.to_label_prediction_example_weight(
            inputs,
            eval_config=eval_config,
            model_name=model_name,
            output_name=output_name,
            example_weighted=False,
            flatten=False,
        )
    )
    return int(label.item()), np.asarray(probabilities, np.float64)


class RowSumsMetric(metric_types.Metric, abc.ABC):  # type: ignore[misc]
    """One number of each slice, model and output, that follows from the sums over its rows.

    Others may come along, under its name with a suffix.
    """

    SUFFIXES: ClassVar[tuple[str, ...]] = ()

    def __init__(self, name: str, code: str = ""):
        """`code` is the fingerprint of our metrics, so that an edit changes the Evaluator's cache key."""
        super().__init__(self._build_computations, name=name, code=code)

    @staticmethod
    @abc.abstractmethod
    def compute(sums: RowSums) -> float:
        """The number, from sums of at least one row, all of them sound."""

    @staticmethod
    def compute_others(sums: RowSums) -> tuple[float, ...]:
        """Those that come along, in the order of `SUFFIXES`."""
        del sums
        return ()

    def _build_computations(
        self,
        name: str,
        code: str,
        eval_config: Any = None,
        model_names: list[str] | None = None,
        output_names: list[str] | None = None,
    ) -> list[Any]:
        del code
        return [
            computation
            for model_name in model_names or [""]
            for output_name in output_names or [""]
            for computation in self._build_pair(name, eval_config, model_name, output_name)
        ]

    def _build_pair(self, name: str, eval_config: Any, model_name: str, output_name: str) -> list[Any]:
        sums_key = metric_types.MetricKey(_SUMS_NAME, model_name=model_name, output_name=output_name)
        keys = [
            metric_types.MetricKey(f"{name}{suffix}", model_name=model_name, output_name=output_name)
            for suffix in ("", *self.SUFFIXES)
        ]
        compute, compute_others = self.compute, self.compute_others

        def result(metrics: dict[Any, Any]) -> dict[Any, float]:
            sums = metrics[sums_key]
            if sums.unsound or not sums.count:
                return dict.fromkeys(keys, math.nan)
            return dict(zip(keys, (compute(sums), *compute_others(sums)), strict=True))

        # TFMA makes what has the same key and combiner but once.
        return [
            metric_types.MetricComputation([sums_key], None, _SumRows(sums_key, eval_config)),
            metric_types.DerivedMetricComputation(keys, result),
        ]


class _SumRows(beam.CombineFn):  # type: ignore[misc]
    def __init__(self, key: Any, eval_config: Any):
        self._key = key
        self._eval_config = eval_config

    def create_accumulator(self) -> RowSums:
        return RowSums()

    def add_input(self, accumulator: RowSums, element: Any) -> RowSums:
        accumulator.add_row(*extract_row(element, self._eval_config, self._key.model_name, self._key.output_name))
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[RowSums]) -> RowSums:
        merged = RowSums()
        for each in accumulators:
            merged.add(each)
        return merged

    def extract_output(self, accumulator: RowSums) -> dict[Any, RowSums]:
        return {self._key: accumulator}
