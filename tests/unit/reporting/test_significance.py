"""McNemar's exact test against binomial tails worked out by hand."""

import math
import time

import numpy as np
import pytest

from fer_tfx.contract import DEFAULT_CLASS_NAMES
from reporting.classification import compare_hits
from reporting.label_shift import LABEL_DOUBT, bound_share_differences, compute_absence_chances


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


def test_compare_hits_takes_little_time_however_many_rows_differ():
    """A sum in whole numbers of as many digits takes nine seconds for 400,000 rows, and grows with their square."""
    hits = make_hits(0, 199_500, 200_500, 0)
    began_s = time.process_time()
    compare_hits(*hits)
    assert time.process_time() - began_s < 1


def test_compare_hits_rows_that_both_get_do_not_count():
    assert compare_hits(*make_hits(0, 1, 9, 0)) == compare_hits(*make_hits(500, 1, 9, 700))


# FER2013's Training rows by class, in class order; 436 of 28,709 are of disgust.
FER2013 = np.array([3_995, 436, 4_097, 7_215, 4_830, 3_171, 4_965]) / 28_709
DRAWS = 5_000
EVAL_COUNTS = [5, 50, 100, 500, 3_589, 27_000, 100_000]


def draw_counts(seed: int, *sizes: int) -> list[np.ndarray]:
    """Numbers of rows by class, int (draws, 7), of sets that are all drawn with FER2013's shares."""
    rng = np.random.default_rng(seed)
    return [rng.multinomial(size, FER2013, DRAWS) for size in sizes]


@pytest.mark.parametrize("count", EVAL_COUNTS)
@pytest.mark.parametrize("factor", [1, 9])
def test_bound_share_differences_equal_shares_lie_above_no_bound_more_often_than_said(count, factor):
    first, second = draw_counts(count, factor * count, count)
    least = bound_share_differences(first, second).max(axis=1)
    # Two standard errors of a share of 0.0033 of 5,000 draws. The strictest bound, 0, and that of the schema.
    assert np.mean(least > 0) <= LABEL_DOUBT + 2 * math.sqrt(LABEL_DOUBT / DRAWS)
    assert not (least > 0.1).any()


def test_bound_share_differences_plain_distance_is_what_refused_equal_shares():
    """What the bound is for: 0.1 by itself refuses a third of the sets of 50 rows."""
    first, second = draw_counts(1, 450, 50)
    assert np.mean(np.abs(first / 450 - second / 50).max(axis=1) > 0.1) > 0.3


def shift_happy(by: float) -> np.ndarray:
    """FER2013's shares with that of happy raised and the others lowered in proportion."""
    shares = FER2013 * (1 - by / (1 - FER2013[3]))
    shares[3] = FER2013[3] + by
    return shares


@pytest.mark.parametrize(
    ("count", "factor", "shift"),
    [(50, 9, 0.43), (500, 9, 0.20), (3_589, 9, 0.14), (27_000, 9, 0.12),
     (50, 1, 0.53), (500, 1, 0.24), (3_589, 1, 0.15), (27_000, 1, 0.12)],
)  # fmt: skip
def test_bound_share_differences_finds_the_shift_that_the_protocol_states_in_four_of_five_cases(count, factor, shift):
    rng = np.random.default_rng(count)
    train = rng.multinomial(factor * count, FER2013, DRAWS)
    found = [
        np.mean(bound_share_differences(train, rng.multinomial(count, shift_happy(by), DRAWS)).max(axis=1) > 0.1)
        for by in (shift, shift - 0.02)
    ]
    assert found[0] >= 0.8 > found[1]


def test_bound_share_differences_shift_of_just_the_bound_is_refused_no_more_often_than_said():
    rng = np.random.default_rng(2)
    train, eval_ = rng.multinomial(32_301, FER2013, DRAWS), rng.multinomial(3_589, shift_happy(0.1), DRAWS)
    refused = np.mean(bound_share_differences(train, eval_).max(axis=1) > 0.1)
    assert refused <= LABEL_DOUBT + 2 * math.sqrt(LABEL_DOUBT / DRAWS)


def test_bound_share_differences_nothing_in_common_is_told_of_many_rows_alone():
    assert bound_share_differences([1, 0], [0, 1]).tolist() == [0, 0]
    assert bound_share_differences([10_000, 0], [0, 10_000]) == pytest.approx(1, abs=0.01)


def test_bound_share_differences_is_the_same_whichever_comes_first():
    first, second = [30, 5, 65], [300, 400, 300]
    assert bound_share_differences(first, second).tolist() == bound_share_differences(second, first).tolist()


def test_compute_absence_chances_are_shares_of_combinations():
    # 3 of 10 rows are in the sample, none of class 0, 2 of whose rows are among the other 7: C(8, 3) / C(10, 3).
    assert compute_absence_chances([2, 5, 0], 3) == pytest.approx(
        [math.comb(8, 3) / math.comb(10, 3), math.comb(5, 3) / math.comb(10, 3), 1]
    )


@pytest.mark.parametrize("count", EVAL_COUNTS)
def test_compute_absence_chances_equal_shares_fall_short_no_more_often_than_said(count):
    refused = [
        any(compute_absence_chances(train, count)[eval_ == 0] < LABEL_DOUBT / len(DEFAULT_CLASS_NAMES))
        for train, eval_ in zip(*draw_counts(count, 9 * count, count), strict=True)
        if not eval_.all()
    ]
    assert sum(refused) / DRAWS <= LABEL_DOUBT + 2 * math.sqrt(LABEL_DOUBT / DRAWS)
