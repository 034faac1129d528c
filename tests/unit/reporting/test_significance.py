"""McNemar's exact test against binomial tails worked out by hand."""

import math

import numpy as np
import pytest

from reporting.significance import compare_hits


def make_hits(both: int, first_only: int, second_only: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    pairs = [(1, 1)] * both + [(1, 0)] * first_only + [(0, 1)] * second_only + [(0, 0)] * neither
    first, second = np.array(pairs, bool).T
    return first, second


@pytest.mark.parametrize(
    ("first_only", "second_only", "p_value"),
    [
        (5, 0, 2 / 32),  # 2 * C(5, 0) / 2^5
        (1, 9, 2 * (1 + 10) / 1024),  # 2 * (C(10, 0) + C(10, 1)) / 2^10
        (8, 2, 2 * (1 + 10 + 45) / 1024),
        (3, 3, 1.0),  # more than 1 before the bound
        (0, 0, 1.0),
    ],
)
def test_compare_hits_known_splits_match_binomial_tail(first_only, second_only, p_value):
    comparison = compare_hits(*make_hits(4, first_only, second_only, 3))
    assert comparison == (first_only, second_only, pytest.approx(p_value, rel=1e-12))


def test_compare_hits_many_rows_match_the_sum_of_binomials():
    comparison = compare_hits(*make_hits(2000, 500, 350, 739))
    tail = sum(math.comb(850, k) for k in range(351))
    assert comparison.p_value == pytest.approx(2 * tail / 2**850, rel=1e-12)
    assert 1e-7 < comparison.p_value < 1e-6


@pytest.mark.parametrize("count", [7, 100, 2_001, 9_000])
@pytest.mark.parametrize("deviation", [0, 0.5, 1, 3, 8])
def test_compare_hits_any_split_matches_the_sum_in_whole_numbers(count, deviation):
    lesser = max(0, int(count / 2 - deviation * math.sqrt(count) / 2))
    tail, term = 0, 1
    for k in range(lesser + 1):
        tail += term
        term = term * (count - k) // (k + 1)  # C(count, k + 1) from C(count, k)
    expected = pytest.approx(min(1.0, 2 * tail / (1 << count)), rel=1e-12)
    assert compare_hits(*make_hits(0, lesser, count - lesser, 0)).p_value == expected
    assert compare_hits(*make_hits(0, count - lesser, lesser, 0)).p_value == expected


def test_compare_hits_200_000_discordant_rows_match_the_normal_tail():
    # 99,500 of 200,000: z = (500 - 0.5) / sqrt(50,000), the half being the correction for continuity.
    comparison = compare_hits(*make_hits(0, 99_500, 100_500, 0))
    assert comparison.p_value == pytest.approx(math.erfc(499.5 / math.sqrt(50_000) / math.sqrt(2)), rel=1e-4)


def test_compare_hits_rows_that_both_get_do_not_count():
    assert compare_hits(*make_hits(0, 1, 9, 0)) == compare_hits(*make_hits(500, 1, 9, 700))


def test_compare_hits_other_length_is_refused():
    with pytest.raises(ValueError, match=r"expected equal shapes, got \(2,\) and \(3,\)$"):
        compare_hits(np.ones(2, bool), np.ones(3, bool))
