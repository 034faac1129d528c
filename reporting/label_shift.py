"""How far the labels of two sets of rows are distributed differently, and what of it is beyond chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import beta, hypergeom

from fer_tfx.contract import EVAL_SPLIT, TRAIN_SPLIT

# Skew, drift and absent classes are judged at a third each: all three together refuse sound labels once in 100 times.
LABEL_DOUBT = 0.01 / 3

Counts = tuple[int, ...]


@dataclass(frozen=True)
class SplitLabels:
    """Numbers of rows by class, in class order; `before`: in the data accepted last, None if it had no label."""

    split: str
    now: Counts
    before: Counts | None


@dataclass(frozen=True)
class LabelDistance:
    """The distance between two label distributions, and its bound."""

    between: str
    class_name: str  # whose share differs most
    distance: float  # largest difference of a class's share, in [0, 1]: the L-infinity norm of TFDV's comparators
    least: float  # lower confidence bound of the distance, in [0, 1]
    bound: float | None  # what the schema allows; None: it sets no such bound

    @property
    def is_refused(self) -> bool:
        return self.bound is not None and self.least > self.bound


@dataclass(frozen=True)
class Absence:
    """A class that train has and eval lacks."""

    name: str
    chance: float  # how often eval lacks the class if the rows are split at random, in [0, 1]
    is_refused: bool  # whether that is too rare to be chance


@dataclass(frozen=True)
class LabelShift:
    splits: tuple[SplitLabels, ...]
    distances: tuple[LabelDistance, ...]
    absences: tuple[Absence, ...]  # in class order


def compute_label_shift(
    now: Mapping[str, Counts],
    before: Mapping[str, Counts],
    skew_bound: float | None,
    drift_bound: float | None,
    class_names: Sequence[str],
) -> LabelShift:
    """Compare train with eval (`skew_bound`), and each with the data accepted last (`drift_bound`, for train alone).

    `now` and `before` are numbers of rows by class, by split; a split without a label counts as missing.
    """
    now, before = ({split: counts for split, counts in each.items() if any(counts)} for each in (now, before))
    present = [split for split in (TRAIN_SPLIT, EVAL_SPLIT) if split in now]
    distances = [
        measure_distance(
            f"{split} and {split} of the data accepted last", now[split], before[split], bound, class_names
        )
        for split, bound in ((TRAIN_SPLIT, drift_bound), (EVAL_SPLIT, None))
        if split in now and split in before
    ]
    absences: tuple[Absence, ...] = ()
    if len(present) > 1:
        train, eval_ = now[TRAIN_SPLIT], now[EVAL_SPLIT]
        between = f"{TRAIN_SPLIT} and {EVAL_SPLIT}"
        distances.insert(0, measure_distance(between, train, eval_, skew_bound, class_names))
        absences = find_absences(train, eval_, class_names)
    splits = tuple(SplitLabels(split, now[split], before.get(split)) for split in present)
    return LabelShift(splits, tuple(distances), absences)


def measure_distance(
    between: str, first: Counts, second: Counts, bound: float | None, class_names: Sequence[str]
) -> LabelDistance:
    """How far two sets of at least one row each are apart, by their numbers of rows by class."""
    shares = [np.asarray(counts) / np.sum(counts) for counts in (first, second)]
    differences = np.abs(shares[0] - shares[1])
    least = float(bound_share_differences(first, second).max())
    return LabelDistance(between, class_names[differences.argmax()], float(differences.max()), least, bound)


def find_absences(train: Sequence[int], eval_: Sequence[int], class_names: Sequence[str]) -> tuple[Absence, ...]:
    """The classes that train has and eval lacks; eval has at least one row, and both are in class order."""
    chances = compute_absence_chances(train, sum(eval_)).tolist()
    return tuple(
        Absence(name, chance, chance < LABEL_DOUBT / len(class_names))  # Bonferroni: any one class may be absent
        for name, chance, in_train, in_eval in zip(class_names, chances, train, eval_, strict=True)
        if in_train and not in_eval
    )


def bound_share_differences(first: npt.ArrayLike, second: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Lower ends, in [0, 1], of simultaneous confidence intervals of how far each class's shares differ.

    For two samples with the same underlying shares, any end is above 0 in at most `LABEL_DOUBT` of cases. The ends of a
    difference come from those of its shares (Zou and Donner 2008, doi:10.1002/sim.3095), which are exact (Clopper and
    Pearson 1934), with Bonferroni's correction. Both are numbers of rows by class, int (..., classes), one at least.
    """
    counts = np.stack([np.asarray(first), np.asarray(second)]).astype(np.float64)
    others = counts.sum(axis=-1, keepdims=True) - counts
    tail = LABEL_DOUBT / counts.shape[-1] / 2  # either share may be the larger one
    shares = counts / (counts + others)
    # Without a row of the class, or of another, the formula is undefined and the end is 0 or 1.
    lows = np.where(counts > 0, beta.ppf(tail, np.maximum(counts, 1), others + 1), 0)
    highs = np.where(others > 0, beta.isf(tail, counts + 1, np.maximum(others, 1)), 1)
    more = shares[0] - shares[1] - np.hypot(shares[0] - lows[0], highs[1] - shares[1])
    less = shares[1] - shares[0] - np.hypot(shares[1] - lows[1], highs[0] - shares[0])
    return np.asarray(np.maximum(np.maximum(more, less), 0))


def compute_absence_chances(present: npt.ArrayLike, other_count: int) -> npt.NDArray[np.float64]:
    """How probably a random sample of `other_count` rows misses each class; `present` are the other rows by class."""
    counts = np.asarray(present)
    return np.asarray(hypergeom.pmf(0, counts.sum() + other_count, counts, other_count), np.float64)
