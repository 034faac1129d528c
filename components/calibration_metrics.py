"""How far a model's probabilities may be believed, for TFMA: the numbers of `reporting.calibration`."""

from typing import ClassVar

import numpy as np

from components.metric_sums import RowSums, RowSumsMetric
from reporting.calibration import CalibrationEstimate, estimate_calibration_error

CALIBRATION_ERROR_NAME = "calibration_error"
CALIBRATION_LOW_NAME, CALIBRATION_HIGH_NAME = (f"{CALIBRATION_ERROR_NAME}{end}" for end in ("_low", "_high"))
NLL_NAME = "nll"
BRIER_SCORE_NAME = "brier_score"

# What true probabilities can reach: an exact 0 for the true class counts as 1.2e-38, that is 87.3 nats.
LARGEST_NLL = 88.0
LARGEST_BRIER_SCORE = 2.0


class CalibrationError(RowSumsMetric):
    """Expected calibration error over 15 bins of the largest probability, and the ends of its 95 % interval; 0 to 1.

    The Trainer fits the temperature on the rows that are evaluated; what this takes from the error is given back.
    """

    SUFFIXES: ClassVar = ("_low", "_high")

    def __init__(self, name: str = CALIBRATION_ERROR_NAME, code: str = ""):
        super().__init__(name, code)

    @staticmethod
    def compute(sums: RowSums) -> float:
        return _estimate(sums).value

    @staticmethod
    def compute_others(sums: RowSums) -> tuple[float, ...]:
        return _estimate(sums).interval


class NegativeLogLikelihood(RowSumsMetric):
    """Mean negative logarithm of the true class's probability, in nats."""

    def __init__(self, name: str = NLL_NAME, code: str = ""):
        super().__init__(name, code)

    @staticmethod
    def compute(sums: RowSums) -> float:
        return sums.nll / sums.count


class BrierScore(RowSumsMetric):
    """Mean over rows of the squared distances, summed over classes, to the true class; from 0 to 2."""

    def __init__(self, name: str = BRIER_SCORE_NAME, code: str = ""):
        super().__init__(name, code)

    @staticmethod
    def compute(sums: RowSums) -> float:
        return sums.brier / sums.count


def _estimate(sums: RowSums) -> CalibrationEstimate:
    return estimate_calibration_error(np.asarray(sums.confidence), sums.count, is_fitted=True)
