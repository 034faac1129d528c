"""Confidence interval of the difference of two shares."""

import math

from reporting.intervals import Interval, wilson_interval


def newcombe_interval(first_fraction: float, first_count: int, second_fraction: float, second_count: int) -> Interval:
    """The 95 % interval of second - first for two independent samples (Newcombe 1998, method 10), in [-1, 1].

    It joins the two Wilson intervals. Of two models on the same rows, which mostly fail together, the difference
    varies less than that: for them it is too wide, never too narrow, unless one fails where the other doesn't.

    Args:
        first_fraction: the share that was observed in the first sample, in [0, 1].
        first_count: its number of observations.
        second_fraction: likewise of the second.
        second_count: likewise of the second.
    """
    first, second = wilson_interval(first_fraction, first_count), wilson_interval(second_fraction, second_count)
    difference = second_fraction - first_fraction
    below = math.hypot(second_fraction - second.low, first.high - first_fraction)
    above = math.hypot(second.high - second_fraction, first_fraction - first.low)
    return Interval(difference - below, difference + above)
