"""Confidence intervals of shares and of their differences."""

import math
from typing import NamedTuple

Z_95 = 1.959963984540054  # two-sided 95 % quantile of the standard normal distribution


class Interval(NamedTuple):
    """Bounds of a fraction, in [0, 1], or of the difference of two, in [-1, 1]."""

    low: float
    high: float


def wilson_interval(fraction: float, count: int) -> Interval:
    """The 95 % score interval of a share (Wilson 1927), sound near 0 and 1 and for small counts.

    Args:
        fraction: the share that was observed, in [0, 1].
        count: number of observations; 0 gives the whole of [0, 1].
    """
    if count == 0:
        return Interval(0.0, 1.0)
    z2 = Z_95**2
    centre = (fraction + z2 / (2 * count)) / (1 + z2 / count)
    half = Z_95 / (1 + z2 / count) * math.sqrt(fraction * (1 - fraction) / count + z2 / (4 * count**2))
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def paired_difference_interval(gained: int, lost: int, count: int) -> Interval:
    """The 95 % interval of the difference of two shares of the same rows (Bonett and Price 2012, adjusted Wald).

    One row is added to each of the two cells, so that the interval keeps its width where no row differs; see Fagerland,
    Lydersen and Laake 2014, doi:10.1002/sim.6148, who recommend it beside Tango's score interval.

    Args:
        gained: rows that only the new model got right.
        lost: rows that only the old one got right.
        count: all rows; 0 gives the whole of [-1, 1].
    """
    if count == 0:
        return Interval(-1.0, 1.0)
    up, down = (gained + 1) / (count + 2), (lost + 1) / (count + 2)
    half = Z_95 * math.sqrt((up + down - (up - down) ** 2) / (count + 2))
    return Interval(max(-1.0, up - down - half), min(1.0, up - down + half))
