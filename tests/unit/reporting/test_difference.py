"""Newcombe's interval against the examples he printed."""

import pytest

from reporting.intervals import newcombe_interval


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        # Newcombe 1998, "Interval estimation for the difference between independent proportions", table II, method 10.
        ((48, 80), (56, 70), 0.0524, 0.3339),
        ((3, 10), (9, 10), 0.1705, 0.8090),
        ((0, 29), (5, 56), -0.0381, 0.1926),
    ],
)
def test_newcombe_interval_printed_examples_are_met_to_the_last_digit(first, second, low, high):
    interval = newcombe_interval(first[0] / first[1], first[1], second[0] / second[1], second[1])
    assert interval == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_newcombe_interval_without_rows_is_everything():
    assert newcombe_interval(0.0, 0, 0.0, 0) == (-1.0, 1.0)


def test_newcombe_interval_arguments_swapped_mirrors():
    one, other = newcombe_interval(0.6, 50, 0.7, 80), newcombe_interval(0.7, 80, 0.6, 50)
    assert (one.low, one.high) == (pytest.approx(-other.high), pytest.approx(-other.low))
