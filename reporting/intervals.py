"""Confidence intervals of shares."""

import math
from typing import NamedTuple

_Z_95 = 1.959963984540054  # two-sided 95 % quantile of the standard normal distribution


class Interval(NamedTuple):
    """Bounds of a fraction, both in [0, 1]."""

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
    z2 = _Z_95**2
    centre = (fraction + z2 / (2 * count)) / (1 + z2 / count)
    half = _Z_95 / (1 + z2 / count) * math.sqrt(fraction * (1 - fraction) / count + z2 / (4 * count**2))
    return Interval(max(0.0, centre - half), min(1.0, centre + half))
