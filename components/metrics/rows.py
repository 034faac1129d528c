"""Metrics on unchanged pictures: whether the most probable class is right, and how far to trust the probabilities.

TFMA has Keras' accuracy, which takes a row of NaN for one of class 0. Its own F1Score binarises at a probability
threshold, so that a class that wins with 0.4 counts as not predicted. These take the most probable class.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from components.metrics.base import AT_LEAST, AT_MOST, Bound, Metric, SummedMetric, Sums, extract_row
from reporting.calibration import compute_bin_sums, compute_brier_score, compute_nll, estimate_calibration_error
from reporting.classification import compute_accuracy, compute_macro_f1


@dataclass
class RowSums(Sums):
    """Sums over rows; an unsound row enters no other sum."""

    nll: float = 0.0  # in nats
    brier: float = 0.0
    confidence: npt.NDArray[np.float64] | float = 0.0
    """float64 (4, 15), as `compute_bin_sums` gives them; 0 before the first row."""
    confusion: npt.NDArray[np.int64] | int = 0
    """int64 (classes, classes), by true class and most probable class; 0 before the first row."""

    def add_element(self, element: Any, eval_config: Any, model_name: str) -> None:
        self.add_row(*extract_row(element, eval_config, model_name))

    def add_row(self, class_index: int, probabilities: npt.NDArray[np.float64]) -> None:
        """Take in a row of a true class and probabilities (classes,)."""
        if not np.isfinite(probabilities).all():
            self.unsound += 1
            return
        rows, classes = probabilities[np.newaxis], np.array([class_index])
        self.count += 1
        self.nll += compute_nll(rows, classes)
        self.brier += compute_brier_score(rows, classes)
        self.confidence = self.confidence + compute_bin_sums(rows, classes)
        hit = np.zeros((len(probabilities), len(probabilities)), np.int64)
        hit[class_index, probabilities.argmax()] = 1
        self.confusion = self.confusion + hit


class ExampleCount(Metric):
    """TFMA's number of rows."""

    NAME = "example_count"
    WORDS = "number of eval rows"
    DIGITS = 0
    BOUND = Bound(AT_LEAST, "min_eval_rows")
    IS_LISTED = False  # each figure has its number of rows


class RowMetric(SummedMetric):
    """A metric that follows from `RowSums`."""

    SUMS = RowSums


class Accuracy(RowMetric):
    """Share of the rows whose most probable class is the true one; within one true class that is its recall."""

    NAME = WORDS = "accuracy"
    IS_SHARE = True
    BOUND = Bound(AT_LEAST, "min_accuracy")
    CLASS_WORDS = "recall"
    CLASS_BOUND = Bound(AT_LEAST, "min_class_recall")

    @staticmethod
    def compute(sums: RowSums) -> float:
        return compute_accuracy(np.asarray(sums.confusion))


class MacroF1(RowMetric):
    """Mean F1 over all classes; one that was neither present nor predicted counts 0."""

    NAME = "macro_f1"
    WORDS = "macro F1"
    BOUND = Bound(AT_LEAST, "min_macro_f1")

    @staticmethod
    def compute(sums: RowSums) -> float:
        return compute_macro_f1(np.asarray(sums.confusion))


class CalibrationError(RowMetric):
    """Expected calibration error over 15 bins of the largest probability, and the ends of its 95 % interval; 0 to 1.

    The Trainer fits the temperature on the rows that are evaluated; what this takes from the error is given back.
    """

    NAME = "calibration_error"
    WORDS = "expected calibration error"
    UNIT = "15 bins"
    BOUND = Bound(AT_MOST, "max_ece")
    OTHERS: ClassVar = (f"{NAME}_low", f"{NAME}_high")

    @staticmethod
    def compute(sums: RowSums) -> tuple[float, ...]:
        error, interval = estimate_calibration_error(np.asarray(sums.confidence), sums.count, is_fitted=True)
        return error, *interval


class NegativeLogLikelihood(RowMetric):
    """Mean negative logarithm of the true class's probability.

    Bounded by its largest value, so that only a NaN is refused: a probability of 0 counts as 1.2e-38, or 87.3 nats.
    """

    NAME = "nll"
    WORDS = "negative log-likelihood"
    UNIT = "nats"
    BOUND = Bound(AT_MOST, 88.0)

    @staticmethod
    def compute(sums: RowSums) -> float:
        return sums.nll / sums.count


class BrierScore(RowMetric):
    """Mean over rows of the squared distances, summed over classes, to the true class; bounded by its largest value."""

    NAME = "brier_score"
    WORDS = "Brier score"
    BOUND = Bound(AT_MOST, 2.0)

    @staticmethod
    def compute(sums: RowSums) -> float:
        return sums.brier / sums.count
