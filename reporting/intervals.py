"""Shares and other figures with their confidence intervals."""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

Z_95 = 1.959963984540054  # two-sided 95 % quantile of the standard normal distribution

CHANGE_LEVEL = 0.99  # confidence of the interval by which the gate judges a change of accuracy; see docs/protocol.md


class Interval(NamedTuple):
    """Bounds of a fraction, in [0, 1], or of the difference of two, in [-1, 1]."""

    low: float
    high: float


@dataclass(frozen=True)
class Share:
    """A share of rows with Wilson's 95 % interval; all three fractions lie in [0, 1]."""

    fraction: float
    low: float
    high: float
    count: int  # rows that it is a share of; 0 gives the interval from 0 to 1

    @classmethod
    def of(cls, fraction: float, count: int) -> "Share":
        return cls(fraction, *wilson_interval(fraction, count), count)

    @property
    def value(self) -> float:
        return self.fraction

    @property
    def interval(self) -> Interval:
        return Interval(self.low, self.high)


@dataclass(frozen=True)
class Figure:
    """A metric of the eval split, as the Evaluator measured it."""

    title: str
    value: float
    interval: Interval | None  # 95 %; None: there is none
    count: int  # rows that were measured


def wilson_interval(fraction: float, count: int) -> Interval:
    """The 95 % score interval of a share (Wilson 1927); no row gives [0, 1]. SciPy's takes whole numbers of hits."""
    if count == 0:
        return Interval(0.0, 1.0)
    z2 = Z_95**2
    centre = (fraction + z2 / (2 * count)) / (1 + z2 / count)
    half = Z_95 / (1 + z2 / count) * math.sqrt(fraction * (1 - fraction) / count + z2 / (4 * count**2))
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def newcombe_interval(first_fraction: float, first_count: int, second_fraction: float, second_count: int) -> Interval:
    """The 95 % interval of second - first for two independent samples (Newcombe 1998, method 10), in [-1, 1].

    For two models on the same rows it is too wide, unless one fails where the other doesn't.
    """
    first, second = wilson_interval(first_fraction, first_count), wilson_interval(second_fraction, second_count)
    difference = second_fraction - first_fraction
    below = math.hypot(second_fraction - second.low, first.high - first_fraction)
    above = math.hypot(second.high - second_fraction, first_fraction - first.low)
    return Interval(difference - below, difference + above)


def paired_difference_interval(gained: int, lost: int, count: int, level: float = 0.95) -> Interval:
    """The interval of the difference of two shares of the same rows (Bonett and Price 2012, adjusted Wald).

    Of `count` rows only the new model got `gained` right, and only the old one `lost`; no row gives [-1, 1]. One row is
    added to each of the two cells, so that the interval keeps its width where no row differs (doi:10.1002/sim.6148).
    """
    if count == 0:
        return Interval(-1.0, 1.0)
    up, down = (gained + 1) / (count + 2), (lost + 1) / (count + 2)
    half = NormalDist().inv_cdf((1 + level) / 2) * math.sqrt((up + down - (up - down) ** 2) / (count + 2))
    return Interval(max(-1.0, up - down - half), min(1.0, up - down + half))


def find_detectable_loss(discordant_fraction: float, count: int, margin: float, power: float = 0.8) -> float:
    """The smallest loss of accuracy that the gate, which allows `margin`, finds with probability `power`, in [0, 1].

    A loss d is found when the upper end of the interval lies below -margin. With a share s of discordant rows, at least
    d, which one model alone gets right, the estimate has the variance (s - d^2) / count (Connor 1987, Biometrics 43):
    d = margin + k sqrt((s - d^2) / count), where k is the sum of the two normal quantiles. No row gives 1.
    """
    if count == 0:
        return 1.0
    normal = NormalDist()
    excess = (normal.inv_cdf((1 + CHANGE_LEVEL) / 2) + normal.inv_cdf(power)) ** 2 / count
    by_share = margin**2 - (1 + excess) * (margin**2 - excess * discordant_fraction)
    loss = (margin + math.sqrt(max(0.0, by_share))) / (1 + excess)
    if loss > discordant_fraction:
        sum_ = 2 * margin + excess
        loss = (sum_ + math.sqrt(sum_**2 - 4 * (1 + excess) * margin**2)) / (2 * (1 + excess))
    return min(1.0, loss)
