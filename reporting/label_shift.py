"""How far the labels of two sets of rows are distributed otherwise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from schema.contract import EVAL_SPLIT, TRAIN_SPLIT

Counts = tuple[int, ...]


@dataclass(frozen=True)
class SplitLabels:
    """Numbers of rows by class, in class order."""

    split: str
    now: Counts
    before: Counts | None
    """In the run before; None: there was none, or it counted no label."""


@dataclass(frozen=True)
class LabelDistance:
    """How far two distributions are apart, and how far they may be."""

    between: str
    distance: float
    """Largest difference of a class's share, in [0, 1]: the L-infinity norm, as TFDV's comparators measure it."""
    bound: float | None
    """What the schema allows; None: it sets no such bound."""


@dataclass(frozen=True)
class LabelShift:
    """The labels of train and eval, now and in the run before."""

    splits: tuple[SplitLabels, ...]
    distances: tuple[LabelDistance, ...]


def compute_label_shift(
    now: Mapping[str, Counts], before: Mapping[str, Counts], skew_bound: float | None, drift_bound: float | None
) -> LabelShift:
    """Compare train with eval, and each of them with the run before.

    Args:
        now: numbers of rows by class, by split.
        before: likewise of the run before; empty: there was none. A split without a label is as good as none.
        skew_bound: of the distance between train and eval.
        drift_bound: of the distance between train and train of the run before; eval has no bound.
    """
    now, before = _drop_uncounted(now), _drop_uncounted(before)
    present = [split for split in (TRAIN_SPLIT, EVAL_SPLIT) if split in now]
    distances = [
        LabelDistance(f"{split} and {split} of the run before", compute_distance(now[split], before[split]), bound)
        for split, bound in ((TRAIN_SPLIT, drift_bound), (EVAL_SPLIT, None))
        if split in now and split in before
    ]
    if len(present) > 1:
        apart = compute_distance(now[TRAIN_SPLIT], now[EVAL_SPLIT])
        distances.insert(0, LabelDistance(f"{TRAIN_SPLIT} and {EVAL_SPLIT}", apart, skew_bound))
    return LabelShift(tuple(SplitLabels(split, now[split], before.get(split)) for split in present), tuple(distances))


def compute_distance(first: Sequence[int], second: Sequence[int]) -> float:
    """The largest difference of a class's share, in [0, 1], between two sets of at least one row each."""
    shares = [np.asarray(counts) / np.sum(counts) for counts in (first, second)]
    return float(np.abs(shares[0] - shares[1]).max())


def _drop_uncounted(counts: Mapping[str, Counts]) -> dict[str, Counts]:
    """The splits that have a label: of the others there are no shares."""
    return {split: of_split for split, of_split in counts.items() if any(of_split)}
