"""The unweighted mean of the classes' F1 scores, for TFMA.

TFMA's own F1Score binarises at a probability threshold, so a class that wins with 0.4 counts as not
predicted. This one takes the most probable class, as the model's users do.
"""

from components.metric_sums import RowSums, RowSumsMetric
from reporting.classification import compute_macro_f1

MACRO_F1_NAME = "macro_f1"


class MacroF1(RowSumsMetric):
    """Mean F1 over all classes; one that was neither present nor predicted counts 0."""

    def __init__(self, name: str = MACRO_F1_NAME, code: str = ""):
        super().__init__(name, code)

    @staticmethod
    def compute(sums: RowSums) -> float:
        return compute_macro_f1(sums.confusion)
