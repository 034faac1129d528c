"""Waits and the one deadline, on a clock that nobody waits for."""

import pytest

from fer_tfx.client.transport import Deadline, Timing, ask_with_retries, compute_wait_s
from fer_tfx.errors import DeadlineExceededError, RequestRefusedError, ServerUnreachableError


@pytest.mark.parametrize(("chance", "waits"), [(0.0, [0.05, 0.1, 0.2]), (1.0, [0.1, 0.2, 0.4])])
def test_compute_wait_s_doubles_and_lies_between_half_and_all_of_it(chance, waits):
    timing = Timing(random=lambda: chance)
    assert [compute_wait_s(attempt, timing) for attempt in range(3)] == pytest.approx(waits)


def test_compute_wait_s_of_many_attempts_stays_at_two_seconds():
    assert [compute_wait_s(attempt, Timing(random=lambda: 1.0)) for attempt in (4, 5, 1000)] == [1.6, 2.0, 2.0]


def test_ask_with_retries_each_attempt_gets_the_seconds_that_are_left(clock):
    given = []

    def ask(left_s):
        given.append(left_s)
        clock.now += 1
        if len(given) < 3:
            raise ServerUnreachableError("away")
        return "answer"

    assert ask_with_retries(ask, 5, Deadline(10, clock.timing), "server") == "answer"
    assert given == pytest.approx([10, 8.9, 7.7])


def test_ask_with_retries_attempt_that_used_the_time_up_is_the_last(clock):
    def ask(left_s):
        clock.now += 10
        raise ServerUnreachableError("away")

    with pytest.raises(DeadlineExceededError, match=r"^server: no answer within 10 s \(away\); give it more"):
        ask_with_retries(ask, 5, Deadline(10, clock.timing), "server")
    assert clock.waits == []


def test_ask_with_retries_time_that_is_up_asks_nobody(clock):
    deadline = Deadline(1, clock.timing)
    clock.now += 1
    with pytest.raises(DeadlineExceededError, match=r"^server: no answer within 1 s; give it more"):
        ask_with_retries(pytest.fail, 5, deadline, "server")


def test_ask_with_retries_refusal_passes_at_once(clock):
    def ask(left_s):
        raise RequestRefusedError("server", "HTTP 400", "no")

    with pytest.raises(RequestRefusedError):
        ask_with_retries(ask, 5, Deadline(10, clock.timing), "server")
    assert clock.waits == []


def test_ask_with_retries_last_failure_is_the_one_that_is_told(clock):
    failures = iter(["first", "second"])

    def ask(left_s):
        raise ServerUnreachableError(next(failures))

    with pytest.raises(ServerUnreachableError, match=r"^second \(attempt 2 of 2\)$"):
        ask_with_retries(ask, 2, Deadline(10, clock.timing), "server")
