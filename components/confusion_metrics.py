"""Accuracy and macro F1, for TFMA: what follows from the numbers of rows by true and most probable class.

TFMA has Keras' accuracy, which takes a row of NaN for one of class 0, converts its Python anew in each run (a quarter
of the Evaluator's time on a small span) and sums up what `RowSums` holds anyway.
"""

from components.metric_sums import RowSums, RowSumsMetric
from reporting.classification import compute_accuracy, compute_macro_f1

ACCURACY_NAME = "accuracy"
MACRO_F1_NAME = "macro_f1"


class Accuracy(RowSumsMetric):
    """Share of the rows whose most probable class is the true one."""

    def __init__(self, name: str = ACCURACY_NAME, code: str = ""):
        super().__init__(name, code)

    @staticmethod
    def compute(sums: RowSums) -> float:
        return compute_accuracy(sums.confusion)


class MacroF1(RowSumsMetric):
    """Mean F1 over all classes; one that was neither present nor predicted counts 0.

    TFMA's own F1Score binarises at a probability threshold, so a class that wins with 0.4 counts as not predicted. This
    one takes the most probable class, as the model's users do.
    """

    def __init__(self, name: str = MACRO_F1_NAME, code: str = ""):
        super().__init__(name, code)

    @staticmethod
    def compute(sums: RowSums) -> float:
        return compute_macro_f1(sums.confusion)
