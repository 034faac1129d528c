"""What a metric is: its words, its bound, how TFMA computes it, and how card and page show it.

Each metric is one class, listed in `components.metrics.registry`; the Evaluator's configuration, the refusals, the
model card and the page all read it from there. Our own metrics follow from sums over the rows of a slice and fail
closed: one row without finite probabilities makes them NaN, which no bound lets through.
"""

import abc
import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, ClassVar

import apache_beam as beam
import numpy as np
import numpy.typing as npt
from tensorflow_model_analysis.metrics import metric_types, metric_util

# TFMA exports these by its own name up to 0.47 only.
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.utils import model_util

from configs.spec import GateConfig
from fer_tfx.contract import LABEL_KEY
from reporting.intervals import Figure, Interval, wilson_interval

AT_LEAST, AT_MOST, LOSS_AT_MOST = "at least", "at most", "loss at most"
Values = dict[str, float]


@dataclass(frozen=True)
class Bound:
    """A bound that the gate sets on a metric."""

    side: str  # `AT_LEAST`, `AT_MOST`, or `LOSS_AT_MOST` for a change against the anchor
    limit: str | float  # a setting of `gate`, or a number

    def build_threshold(self, gate: GateConfig) -> config_pb2.MetricThreshold:
        limit = getattr(gate, self.limit) if isinstance(self.limit, str) else self.limit
        if self.side == LOSS_AT_MOST:
            # TFX drops thresholds of this kind, and no others, when there is no baseline.
            return config_pb2.MetricThreshold(
                change_threshold=config_pb2.GenericChangeThreshold(
                    direction=config_pb2.MetricDirection.HIGHER_IS_BETTER, absolute={"value": -limit}
                )
            )
        end = "lower_bound" if self.side == AT_LEAST else "upper_bound"
        return config_pb2.MetricThreshold(value_threshold=config_pb2.GenericValueThreshold(**{end: {"value": limit}}))


class Metric:
    """The declaration of a metric; a direct subclass declares TFMA's metric of the same name."""

    NAME: ClassVar[str]  # in TFMA's results
    WORDS: ClassVar[str]  # in a refusal, on the card and on the page
    UNIT: ClassVar[str] = ""  # follows the words on the card and on the page
    DIGITS: ClassVar[int] = 4
    IS_SHARE: ClassVar[bool] = False  # whether it is a share of the rows, so that it has Wilson's interval
    BOUND: ClassVar[Bound]  # of all rows together
    CLASS_BOUND: ClassVar[Bound | None] = None  # of the rows of each class
    CLASS_WORDS: ClassVar[str] = ""  # for the metric of one class's rows
    IS_LISTED: ClassVar[bool] = True  # whether it has a row among the figures of the card and the page

    @classmethod
    def build_config(cls, gate: GateConfig, code: str) -> config_pb2.MetricConfig:
        """For TFMA. `code` is the fingerprint of our metrics, so that an edit changes the Evaluator's cache key."""
        is_ours = issubclass(cls, metric_types.Metric)
        config = {"name": cls.NAME, "code": code} if is_ours else {"name": cls.NAME}
        bounds = [(config_pb2.SlicingSpec(), cls.BOUND)]
        if cls.CLASS_BOUND:
            bounds.append((config_pb2.SlicingSpec(feature_keys=[LABEL_KEY]), cls.CLASS_BOUND))
        return config_pb2.MetricConfig(
            class_name=cls.__name__,
            module=cls.__module__ if is_ours else "",
            config=json.dumps(config, sort_keys=True),
            # A plain `threshold` would hold for every slice.
            per_slice_thresholds=[
                config_pb2.PerSliceMetricThreshold(slicing_specs=[rows], threshold=bound.build_threshold(gate))
                for rows, bound in bounds
            ],
        )

    @classmethod
    def explain(cls, failure: Any, class_name: str, overall: Values) -> str:
        """The sentence of a refusal, from TFMA's ValidationFailure for the rows of a class (empty: of all classes).

        `overall` has the values of all metrics over all rows.
        """
        del overall
        what = f"{cls.CLASS_WORDS} of {class_name}" if class_name else cls.WORDS
        if not failure.HasField("metric_value"):
            return f"{what} was not measured"
        bound = failure.metric_threshold.value_threshold
        is_lower = bound.HasField("lower_bound")
        side, limit = (AT_LEAST, bound.lower_bound) if is_lower else (AT_MOST, bound.upper_bound)
        value = failure.metric_value.double_value.value
        return f"{what} is {value:.{cls.DIGITS}f}, {side} {limit.value:.{cls.DIGITS}f}"

    @classmethod
    def read_figure(cls, overall: Values, count: int) -> Figure:
        """The metric as card and page show it, of `count` rows."""
        title = f"{cls.WORDS}, {cls.UNIT}" if cls.UNIT else cls.WORDS
        value, interval = overall[cls.NAME], None
        if cls.IS_SHARE:
            interval = wilson_interval(value, count)
        elif f"{cls.NAME}_low" in overall:
            interval = Interval(overall[f"{cls.NAME}_low"], overall[f"{cls.NAME}_high"])
        return Figure(title, value, interval, count)


@dataclass
class Sums(abc.ABC):
    """Sums over rows; those of two parts of a slice add up."""

    FEATURES: ClassVar[tuple[str, ...]] = ()  # features of a row that it reads besides label and probabilities

    count: int = 0
    unsound: int = 0  # rows with an answer that is missing or not finite; one of them makes the metric NaN

    @abc.abstractmethod
    def add_element(self, element: Any, eval_config: Any, model_name: str) -> None:
        """Take in one of TFMA's rows."""

    def add(self, other: "Sums") -> None:
        """Take in the rows of another part."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


class SummedMetric(Metric, metric_types.Metric, abc.ABC):  # type: ignore[misc]
    """A metric of ours, from sums over rows. It must not be named like one of TFMA's, which TFMA would take instead."""

    SUMS: ClassVar[type[Sums]]  # summed once for all metrics that share them
    OTHERS: ClassVar[tuple[str, ...]] = ()  # names of further numbers that it measures
    IS_OF_CANDIDATE: ClassVar[bool] = False  # whether the baseline has no such number

    def __init__(self, name: str = "", code: str = ""):
        super().__init__(self._build_computations, name=name or self.NAME, code=code)

    @staticmethod
    @abc.abstractmethod
    def compute(sums: Any) -> float | tuple[float, ...]:
        """The number, then those named in `OTHERS`, from sums of at least one row, all of them sound."""

    def _build_computations(
        self, name: str, code: str, eval_config: Any = None, model_names: list[str] | None = None
    ) -> list[Any]:
        del code
        baseline = model_util.get_baseline_model_spec(eval_config)
        is_diff = self.BOUND.side == LOSS_AT_MOST
        computations = []
        for model in model_names or [""]:
            if (is_diff and not baseline) or (self.IS_OF_CANDIDATE and baseline and model == baseline.name):
                continue
            # TFMA hides what begins with an underscore, and makes what has the same key and combiner only once.
            sums_key = metric_types.MetricKey(f"_{self.SUMS.__name__}", model_name=model)
            keys = [metric_types.MetricKey(each, model_name=model, is_diff=is_diff) for each in (name, *self.OTHERS)]
            computations += [
                metric_types.MetricComputation(
                    [sums_key],
                    [metric_types.FeaturePreprocessor(feature_keys=self.SUMS.FEATURES)] if self.SUMS.FEATURES else None,
                    _SumUp(self.SUMS, sums_key, eval_config),
                ),
                metric_types.DerivedMetricComputation(keys, partial(_derive, keys, sums_key, self.compute)),
            ]
        return computations


def _derive(keys: list[Any], sums_key: Any, compute: Callable[[Any], Any], metrics: dict[Any, Any]) -> dict[Any, float]:
    sums = metrics[sums_key]
    if sums.unsound or not sums.count:
        return dict.fromkeys(keys, math.nan)
    return dict(zip(keys, np.atleast_1d(compute(sums)).tolist(), strict=True))


class _SumUp(beam.CombineFn):  # type: ignore[misc]
    def __init__(self, sums: type[Sums], key: Any, eval_config: Any):
        self._sums = sums
        self._key = key
        self._eval_config = eval_config

    def create_accumulator(self) -> Sums:
        return self._sums()

    def add_input(self, accumulator: Sums, element: Any) -> Sums:
        accumulator.add_element(element, self._eval_config, self._key.model_name)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[Sums]) -> Sums:
        merged = self._sums()
        for each in accumulators:
            merged.add(each)
        return merged

    def extract_output(self, accumulator: Sums) -> dict[Any, Sums]:
        return {self._key: accumulator}


def extract_row(element: Any, eval_config: Any, model_name: str) -> tuple[int, npt.NDArray[np.float64]]:
    """True class and probabilities, float64 (classes,), that a model gave one of TFMA's rows."""
    rows = metric_util.to_label_prediction_example_weight(
        element, eval_config=eval_config, model_name=model_name, example_weighted=False, flatten=False
    )
    label, probabilities, _ = next(rows)
    return int(label.item()), np.asarray(probabilities, np.float64)
