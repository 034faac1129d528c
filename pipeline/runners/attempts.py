"""Attempts at the work of a container, until its end is final: which ends are, no back end can be told."""

import sys
import time
from collections.abc import Callable

from fer_tfx.errors import FerError
from pipeline.supervisor import supervise

_LONGEST_WAIT_S = 3600


def keep_trying(work: Callable[[], int], retries: int, wait_s: int) -> int:
    """The exit code of `work`, done in a child process, and again in another one while it fails for an unknown reason.

    A refusal (2 or 3), which another attempt would repeat, is final, and so is the end that somebody asked for. The
    first wait is `wait_s`; each further one is twice as long, an hour at most.
    """
    for tried in range(retries):
        code = supervise(work)
        if code != FerError.exit_code:
            return code
        pause_s = min(wait_s * 2**tried, _LONGEST_WAIT_S)
        print(f"fer-tfx: attempt {tried + 1} of {retries + 1} failed; the next in {pause_s} s", file=sys.stderr)
        sys.stderr.flush()
        time.sleep(pause_s)
    return supervise(work)
