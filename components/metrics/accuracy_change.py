"""How a candidate's accuracy differs from the anchor's, which is TFMA's baseline, on the same rows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from tensorflow_model_analysis.utils import model_util

from components.metrics.base import LOSS_AT_MOST, Bound, SummedMetric, Sums, Values, extract_row
from reporting.intervals import CHANGE_LEVEL, paired_difference_interval

CHANGE_NAME, _LOW_NAME = "accuracy_change", "accuracy_change_low"


@dataclass
class PairedHits(Sums):
    """Rows by which of the two models is right; unsound are those that the candidate's answer is not finite for."""

    gained: int = 0  # rows that only the candidate got right
    lost: int = 0  # rows that only the baseline got right

    def add_element(self, element: Any, eval_config: Any, model_name: str) -> None:
        true, probabilities = extract_row(element, eval_config, model_name)
        baseline = model_util.get_baseline_model_spec(eval_config).name
        _, of_baseline = extract_row(element, eval_config, baseline)
        is_hit, was_hit = np.argmax(probabilities) == true, np.argmax(of_baseline) == true
        self.count += 1
        self.gained += int(is_hit and not was_hit)
        self.lost += int(was_hit and not is_hit)
        self.unsound += int(not np.isfinite(probabilities).all())


class AccuracyChange(SummedMetric):
    """Upper end of the paired 99 % interval of candidate minus baseline, with the difference and the lower end.

    The two models differ on few rows, so this interval is far narrower than those of the two accuracies suggest.
    """

    NAME = "accuracy_change_high"
    WORDS = "change of accuracy against the anchor"
    BOUND = Bound(LOSS_AT_MOST, "max_accuracy_drop")
    SUMS = PairedHits
    OTHERS = (CHANGE_NAME, _LOW_NAME)
    IS_OF_CANDIDATE = True
    IS_LISTED = False  # card and page tell it in words

    @staticmethod
    def compute(sums: PairedHits) -> tuple[float, ...]:
        low, high = paired_difference_interval(sums.gained, sums.lost, sums.count, CHANGE_LEVEL)
        return high, (sums.gained - sums.lost) / sums.count, low

    @classmethod
    def explain(cls, failure: Any, class_name: str, overall: Values) -> str:
        if not failure.HasField("metric_value"):
            return super().explain(failure, class_name, overall)
        change, low, high = read_change(overall) or (np.nan,) * 3
        return (
            f"accuracy changed by {change:+.4f} against the anchor, at least"
            f" {failure.metric_threshold.change_threshold.absolute.value:+.4f}"
            f" within the {CHANGE_LEVEL * 100:.0f} % interval from {low:+.4f} to {high:+.4f}"
        )


def read_change(overall: Values) -> tuple[float, float, float] | None:
    """The change with the ends of its interval; None: there was no baseline."""
    # TFMA's reader appends `_diff` to the names of differences.
    names = [f"{name}_diff" for name in (CHANGE_NAME, _LOW_NAME, AccuracyChange.NAME)]
    if names[0] not in overall:
        return None
    change, low, high = (overall[name] for name in names)
    return change, low, high
