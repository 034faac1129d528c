"""Seconds of many calls, taken in turns -> what one call costs."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Timings:
    """All calls of one contender, in seconds."""

    single_s: list[float] = field(default_factory=list)
    batch_s: dict[str, list[float]] = field(default_factory=dict)
    """By way of calling."""

    def add_single(self, answer: dict[str, Any]) -> None:
        """Add `seconds` of a round."""
        self.single_s += answer["seconds"]

    def add_batches(self, answer: dict[str, Any]) -> None:
        """Add `seconds` of a round for each way of calling."""
        for way, timed in answer.items():
            self.batch_s.setdefault(way, []).extend(timed["seconds"])


def summarise_timings(timings: Timings, batch_size: int) -> dict[str, Any]:
    """`single_ms`: median, 10th and 90th percentile; `batch_images_per_s`: the same by way of calling.

    The percentiles of throughput are those of its own: the 10th is a slow call.
    """
    rates = {way: batch_size / np.array(seconds) for way, seconds in timings.batch_s.items()}
    return {
        "single_ms": _summarise(np.array(timings.single_s) * 1e3),
        "batch_images_per_s": {way: _summarise(rate) for way, rate in rates.items()},
    }


def _summarise(values: Any) -> dict[str, float | int]:
    low, median, high = np.percentile(values, [10, 50, 90])
    return {"median": float(median), "p10": float(low), "p90": float(high), "n": len(values)}
