"""How far the labels of two sets of rows are distributed otherwise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fer_tfx.contract import CLASS_NAMES, EVAL_SPLIT, TRAIN_SPLIT
from reporting.significance import LABEL_DOUBT, bound_share_differences, compute_absence_chances

Counts = tuple[int, ...]


@dataclass(frozen=True)
class SplitLabels:
    """Numbers of rows by class, in class order."""

    split: str
    now: Counts
    before: Counts | None
    """In the data accepted last; None: there was none, or it counted no label."""


@dataclass(frozen=True)
class LabelDistance:
    """How far two distributions are apart, and how far they may be."""

    between: str
    class_name: str
    """Whose share differs most."""
    distance: float
    """Largest difference of a class's share, in [0, 1]: the L-infinity norm, as TFDV's comparators measure it."""
    least: float
    """What the distance is at least beyond doubt, in [0, 1]; few rows say little, so it lies below `distance`."""
    bound: float | None
    """What the schema allows; None: it sets no such bound."""

    @property
    def is_refused(self) -> bool:
        """Whether the distance is more than the bound beyond doubt."""
        return self.bound is not None and self.least > self.bound


@dataclass(frozen=True)
class Absence:
    """A class that train has and eval has not."""

    name: str
    chance: float
    """How often eval lacks the class if the rows are parted at random, in [0, 1]."""
    is_refused: bool
    """Whether that is too seldom to be chance."""


@dataclass(frozen=True)
class LabelShift:
    """The labels of train and eval, now and in the data accepted last."""

    splits: tuple[SplitLabels, ...]
    distances: tuple[LabelDistance, ...]
    absences: tuple[Absence, ...]
    """In class order."""


def compute_label_shift(
    now: Mapping[str, Counts], before: Mapping[str, Counts], skew_bound: float | None, drift_bound: float | None
) -> LabelShift:
    """Compare train with eval, and each of them with the data accepted last.

    Args:
        now: numbers of rows by class, by split.
        before: likewise of the data accepted last; empty: there was none. A split without a label is as good as none.
        skew_bound: of the distance between train and eval.
        drift_bound: of the distance between train and train of the data accepted last; eval has no bound.
    """
    now, before = _drop_uncounted(now), _drop_uncounted(before)
    present = [split for split in (TRAIN_SPLIT, EVAL_SPLIT) if split in now]
    distances = [
        measure_distance(f"{split} and {split} of the data accepted last", now[split], before[split], bound)
        for split, bound in ((TRAIN_SPLIT, drift_bound), (EVAL_SPLIT, None))
        if split in now and split in before
    ]
    absences: tuple[Absence, ...] = ()
    if len(present) > 1:
        train, eval_ = now[TRAIN_SPLIT], now[EVAL_SPLIT]
        distances.insert(0, measure_distance(f"{TRAIN_SPLIT} and {EVAL_SPLIT}", train, eval_, skew_bound))
        absences = find_absences(train, eval_)
    splits = tuple(SplitLabels(split, now[split], before.get(split)) for split in present)
    return LabelShift(splits, tuple(distances), absences)


def measure_distance(between: str, first: Counts, second: Counts, bound: float | None) -> LabelDistance:
    """How far two sets of at least one row each are apart, by their numbers of rows by class."""
    shares = [np.asarray(counts) / np.sum(counts) for counts in (first, second)]
    differences = np.abs(shares[0] - shares[1])
    least = float(bound_share_differences(first, second).max())
    return LabelDistance(between, CLASS_NAMES[differences.argmax()], float(differences.max()), least, bound)


def find_absences(train: Sequence[int], eval_: Sequence[int]) -> tuple[Absence, ...]:
    """The classes that train has and eval, which has at least one row, has not; both in class order."""
    chances = compute_absence_chances(train, sum(eval_)).tolist()
    return tuple(
        Absence(name, chance, chance < LABEL_DOUBT / len(CLASS_NAMES))  # Bonferroni: any one class may be absent
        for name, chance, in_train, in_eval in zip(CLASS_NAMES, chances, train, eval_, strict=True)
        if in_train and not in_eval
    )


def _drop_uncounted(counts: Mapping[str, Counts]) -> dict[str, Counts]:
    """The splits that have a label: of the others there are no shares."""
    return {split: of_split for split, of_split in counts.items() if any(of_split)}
