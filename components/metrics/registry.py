"""All metrics, in the order in which refusals, card and page list them."""

from components.metrics.accuracy_change import AccuracyChange
from components.metrics.base import Metric
from components.metrics.corrupted_accuracy import CorruptedAccuracy
from components.metrics.rows import Accuracy, BrierScore, CalibrationError, ExampleCount, MacroF1, NegativeLogLikelihood

METRICS: tuple[type[Metric], ...] = (
    ExampleCount,
    Accuracy,
    MacroF1,
    CalibrationError,
    NegativeLogLikelihood,
    BrierScore,
    CorruptedAccuracy,
    AccuracyChange,
)
