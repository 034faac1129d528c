"""The Evaluator's evaluation and the export's calibration -> the figures of the card."""

from typing import Any

import numpy as np
import numpy.typing as npt

from components.accuracy_change_metric import CHANGE_HIGH_NAME, CHANGE_LOW_NAME, CHANGE_NAME
from components.calibration_metrics import (
    BRIER_SCORE_NAME,
    CALIBRATION_ERROR_NAME,
    CALIBRATION_HIGH_NAME,
    CALIBRATION_LOW_NAME,
    NLL_NAME,
)
from components.confusion_metrics import ACCURACY_NAME, MACRO_F1_NAME
from components.evaluation_result import (
    EXAMPLE_COUNT_NAME,
    read_confusion,
    read_metrics,
    read_robustness,
)
from fer_tfx.contract import CLASS_NAMES, LABEL_KEY, THRESHOLD_KEY
from reporting.corruptions import DESCRIPTIONS
from reporting.intervals import Interval
from reporting.model_card import AccuracyChange, CardFigures, ClassRates, Confidence
from reporting.report_data import Share


def read_figures(evaluation: str) -> CardFigures:
    """What the Evaluator measured.

    Args:
        evaluation: URI of the evaluation.
    """
    metrics = read_metrics(evaluation)
    overall, confusion = metrics[()], read_confusion(evaluation)
    accuracy = _read_share(overall)
    return CardFigures(
        accuracy=accuracy,
        macro_f1=overall[MACRO_F1_NAME],
        calibration_error=overall[CALIBRATION_ERROR_NAME],
        calibration_interval=Interval(overall[CALIBRATION_LOW_NAME], overall[CALIBRATION_HIGH_NAME]),
        nll=overall[NLL_NAME],
        brier=overall[BRIER_SCORE_NAME],
        classes=tuple(
            ClassRates(name, _read_share(metrics.get(((LABEL_KEY, index),), {})), _compute_precision(confusion, index))
            for index, name in enumerate(CLASS_NAMES)
        ),
        confusion=tuple(tuple(map(int, counts)) for counts in confusion),
        corrupted={
            DESCRIPTIONS[name]: Share.of(value, accuracy.count) for name, value in read_robustness(evaluation).items()
        },
        change=_read_change(overall),
    )


def read_confidence(calibration: dict[str, Any]) -> Confidence:
    """What `assets.extra/calibration.json` holds, with intervals."""
    count, coverage = calibration["n"], calibration["coverage"]
    return Confidence(
        temperature=calibration["temperature"],
        threshold=calibration[THRESHOLD_KEY],
        coverage=Share.of(coverage, count),
        accuracy=Share.of(calibration["abstain_accuracy"], round(coverage * count)),
    )


def _read_share(values: dict[str, float]) -> Share:
    """Of the rows of a slice those that are right; a class without rows has no slice."""
    return Share.of(values.get(ACCURACY_NAME, 0.0), int(values.get(EXAMPLE_COUNT_NAME, 0)))


def _compute_precision(confusion: npt.NDArray[np.int64], index: int) -> Share:
    answers = int(confusion[:, index].sum())
    return Share.of(int(confusion[index, index]) / max(1, answers), answers)


def _read_change(overall: dict[str, float]) -> AccuracyChange | None:
    # TFMA's reader appends `_diff` to the names of differences.
    names = [f"{name}_diff" for name in (CHANGE_NAME, CHANGE_LOW_NAME, CHANGE_HIGH_NAME)]
    if names[0] not in overall:
        return None
    difference, low, high = (overall[name] for name in names)
    return AccuracyChange(difference, Interval(low, high))
