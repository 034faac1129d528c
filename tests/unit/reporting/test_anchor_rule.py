"""The rule of docs/protocol.md, "A bar that can't sink", on 200 retrainings in a row of one recipe, drawn at random."""

import math

import numpy as np
import numpy.typing as npt
import pytest

from components.acceptance import MODEL_KEY, Push, choose_references, find_next_ms
from reporting.intervals import CHANGE_LEVEL, find_detectable_loss, paired_difference_interval

MARGIN = 0.01
DISCORDANT = 0.15
RETRAININGS = 200
# A row on which equal models agree by chance alone counts for half: so 30 % of the rows give 15 % discordant ones.
UNSTABLE = 2 * DISCORDANT


def draw_hits(random: np.random.Generator, count: int) -> npt.NDArray[np.bool_]:
    """Whether each of 200 equally good models is right on each unstable row: bool (200, rows)."""
    return random.random((RETRAININGS, round(UNSTABLE * count))) < 0.5


def is_refused(candidate: npt.NDArray[np.bool_], anchor: npt.NDArray[np.bool_], count: int) -> bool:
    gained, lost = int((candidate & ~anchor).sum()), int((anchor & ~candidate).sum())
    return paired_difference_interval(gained, lost, count, CHANGE_LEVEL).high < -MARGIN


def find_anchor(pushes: list[Push]) -> Push | None:
    return choose_references(pushes, lambda destination: True)[MODEL_KEY]


def retrain(hits: npt.NDArray[np.bool_], count: int) -> tuple[int, list[bool]]:
    """Number of refused models, and of each night whether the served model is within the promised distance of the best.

    Args:
        hits: of the unstable rows, by model.
        count: all rows.
    """
    pushes: list[Push] = []
    best: Push | None = None
    refused, kept = 0, []
    for number, candidate in enumerate(hits):
        before = candidate if best is None else hits[best.model]
        if is_refused(candidate, before, count):
            refused += 1
        else:
            is_no_worse = bool(candidate.sum() >= before.sum())
            pushes.append(Push(number, "", number, pushed_ms=number, is_no_worse=is_no_worse))
        best = find_anchor(pushes)
        assert best is not None
        assert hits[best.model].sum() == max(hits[each.model].sum() for each in pushes)
        kept.append(not is_refused(hits[pushes[-1].model], hits[best.model], count))
    return refused, kept


@pytest.mark.parametrize(("count", "histories"), [(100, 120), (830, 60), (3_589, 20)])
def test_equal_models_are_rarely_refused_and_the_served_one_is_never_far_below_the_best(count, histories):
    random = np.random.default_rng(count)
    outcomes = [retrain(draw_hits(random, count), count) for _ in range(histories)]
    assert all(is_near for _, kept in outcomes for is_near in kept), "more than one margin and one interval below"
    assert sum(refused for refused, _ in outcomes) <= 0.05 * RETRAININGS * histories


def test_anchor_that_follows_each_push_would_let_the_bar_sink():
    """What the rule is for: models that are each a little worse pass one after the other if each is the next bar."""
    random, count = np.random.default_rng(7), 830
    hits = np.ones((30, count), bool)
    for number in range(1, 30):
        hits[number] = hits[number - 1] & (random.random(count) > 0.02)
    each_is_the_bar = [not is_refused(hits[number], hits[number - 1], count) for number in range(1, 30)]
    assert all(each_is_the_bar)
    assert hits[-1].mean() < 0.65
    refused, _ = retrain(hits, count)
    assert refused >= 26


@pytest.mark.parametrize("count", [100, 830, 3_589])
def test_find_detectable_loss_is_found_in_four_of_five_cases(count):
    loss = find_detectable_loss(DISCORDANT, count, MARGIN)
    random, draws = np.random.default_rng(count), 4_000
    only_one = random.multinomial(count, [(DISCORDANT - loss) / 2, (DISCORDANT + loss) / 2, 1 - DISCORDANT], size=draws)
    found = [
        paired_difference_interval(int(gained), int(lost), count, CHANGE_LEVEL).high < -MARGIN
        for gained, lost, _ in only_one
    ]
    assert np.mean(found) == pytest.approx(0.8, abs=0.04)


def test_find_detectable_loss_of_models_that_hardly_differ_needs_rows_that_do():
    few = find_detectable_loss(0.0, 100, MARGIN)
    assert 0.1 < few < 0.2
    assert find_detectable_loss(0.0, 10_000, MARGIN) == pytest.approx(0.013, abs=2e-3)
    assert find_detectable_loss(0.2, 0, MARGIN) == 1.0
    assert math.isfinite(find_detectable_loss(1.0, 1, 1.0))


def test_push_of_a_clock_that_was_ahead_is_overtaken_by_the_next_and_by_a_person():
    ahead = Push(1, "", 1, pushed_ms=2_000_000)
    later = Push(2, "", 2, pushed_ms=1_000_000)
    assert find_anchor([ahead, later]) == later
    worse = Push(2, "", 2, pushed_ms=1_000_000, is_no_worse=False)
    assert find_anchor([ahead, worse]) == ahead
    accepted = Push(
        2, "", 2, pushed_ms=1_000_000, is_no_worse=False, accepted_ms=find_next_ms([2_000_000, 0], 1_100_000)
    )
    assert find_anchor([ahead, accepted]) == accepted
    last = Push(3, "", 3, pushed_ms=1_200_000)
    assert find_anchor([ahead, accepted, last]) == last
