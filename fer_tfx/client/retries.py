"""One deadline over all attempts; between them a wait that grows, and is random so that callers don't come in step.

urllib3's own Retry isn't used: it knows no deadline over all attempts, and gRPC doesn't know it.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from fer_tfx.errors import DeadlineExceededError, ServerUnreachableError

Answer = TypeVar("Answer")

_FIRST_WAIT_S = 0.1
_MAX_WAIT_S = 2.0


@dataclass(frozen=True)
class Timing:
    """Where time and chance come from."""

    clock: Callable[[], float] = time.monotonic
    """Seconds from some moment on."""
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random
    """From 0 to 1."""


class Deadline:
    """The end of a call that starts now.

    Args:
        timeout_s: that the whole call may last.
        timing: whose clock counts.
    """

    def __init__(self, timeout_s: float, timing: Timing) -> None:
        self.timeout_s = timeout_s
        self._clock = timing.clock
        self._end = timing.clock() + timeout_s

    def measure_left_s(self) -> float:
        """Seconds that are left; 0 or less when the time is up."""
        return self._end - self._clock()


def compute_wait_s(attempt: int, timing: Timing) -> float:
    """How long to wait after a failed attempt, counted from 0: half to all of 0.1 s, 0.2 s, 0.4 s, ..., 2 s."""
    longest = min(_MAX_WAIT_S, _FIRST_WAIT_S * 2.0**attempt)
    return longest * (0.5 + 0.5 * timing.random())


def ask_with_retries(
    ask: Callable[[float], Answer], attempts: int, deadline: Deadline, timing: Timing, where: str
) -> Answer:
    """What `ask` returns, given the seconds that are left; asked again where that may help.

    Raises:
        ServerUnreachableError: of the last attempt.
        DeadlineExceededError: the time is up, or would be before the next attempt.
    """
    last = ""
    for attempt in range(attempts):
        left_s = deadline.measure_left_s()
        if left_s <= 0:
            break
        try:
            return ask(left_s)
        except DeadlineExceededError as error:
            last = f" ({error})"
            break
        except ServerUnreachableError as error:
            if attempt + 1 == attempts:
                raise ServerUnreachableError(f"{error} (attempt {attempts} of {attempts})") from error
            last = f" ({error})"
            wait_s = compute_wait_s(attempt, timing)
        if wait_s >= deadline.measure_left_s():
            break
        timing.sleep(wait_s)
    raise DeadlineExceededError(
        f"{where}: no answer within {deadline.timeout_s:g} s{last}; give it more with timeout_s"
    )
