"""How far a model's probabilities may be believed, for TFMA: the numbers of `reporting.calibration`."""

import numpy as np

from components.metric_sums import RowSums, RowSumsMetric

CALIBRATION_ERROR_NAME = "calibration_error"
NLL_NAME = "nll"
BRIER_SCORE_NAME = "brier_score"

# What true probabilities can reach: an exact 0 for the true class counts as 1.2e-38, that is 87.3 nats.
LARGEST_NLL = 88.0
LARGEST_BRIER_SCORE = 2.0


class CalibrationError(RowSumsMetric):
    """Expected calibration error over 15 bins of the largest probability; from 0 to 1."""

    def __init__(self, name: str = CALIBRATION_ERROR_NAME, code: str = ""):
        super().__init__(name, code)

    @staticmethod
    def compute(sums: RowSums) -> float:
        return float(np.abs(sums.surpluses).sum() / sums.count)


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
