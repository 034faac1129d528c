from dataclasses import replace

import pytest
from model_doubles import TINY_TRAINER

from models.recipe import build_schedule

TRAINER = replace(TINY_TRAINER, epochs=4, peak_learning_rate=0.1, warmup_epochs=1.0)


@pytest.mark.parametrize(
    ("step", "rate"),
    [(0, 0.1 / 11), (5, 0.6 / 11), (10, 0.1), (25, 0.05), (20, 0.075), (30, 0.025), (40, 0.0)],
)
def test_build_schedule_four_epochs_of_ten_steps_warms_up_then_follows_a_cosine(step, rate):
    assert float(build_schedule(TRAINER, 10)(step)) == pytest.approx(rate, abs=1e-6)


def test_build_schedule_run_as_short_as_warm_up_reaches_the_peak_half_way():
    schedule = build_schedule(replace(TRAINER, epochs=1), 10)
    rates = [float(schedule(step)) for step in range(11)]
    assert rates.index(max(rates)) == 5
    assert rates[5] == pytest.approx(0.1)
    assert rates[10] == pytest.approx(0.0, abs=1e-6)


def test_build_schedule_no_warm_up_starts_at_the_peak():
    assert float(build_schedule(replace(TRAINER, warmup_epochs=0.0), 10)(0)) == pytest.approx(0.1)


def test_build_schedule_run_of_one_step_uses_the_peak():
    assert float(build_schedule(replace(TRAINER, epochs=1), 1)(0)) == pytest.approx(0.1)


def test_build_schedule_warm_up_beyond_all_steps_takes_half_of_the_run():
    longest = build_schedule(replace(TRAINER, warmup_epochs=1e308), 10_000)
    assert [float(longest(step)) for step in (20_000, 40_000)] == pytest.approx([0.1, 0.0], abs=1e-6)
