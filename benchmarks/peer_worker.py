"""The process of one contender: reads one JSON request a line, answers each with one JSON line.

Started by `benchmarks.peer_process` as `python -m benchmarks.peer_worker NAME MODEL CORES`.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import IO, Any

import numpy as np

from benchmarks.contenders import BATCH_SIZE, BUILDERS, Call, Contender

_WARM_UP_COUNT = 20
_LEAST_CALL_COUNT = 3

Request = dict[str, Any]


def main(name: str, model: str, cores: str) -> None:
    """Serve requests until the input ends. Whatever libraries print goes to standard error."""
    os.sched_setaffinity(0, json.loads(cores))  # before TensorFlow counts the cores
    answers, sys.stdout = sys.stdout, sys.stderr
    contender = BUILDERS[name](model)
    _answer(answers, {})
    for line in sys.stdin:
        request = json.loads(line)
        _answer(answers, _HANDLERS[request["do"]](contender, request))


def _answer(answers: IO[str], content: Request) -> None:
    print(json.dumps(content), file=answers, flush=True)


def _predict(contender: Contender, request: Request) -> Request:
    np.save(request["out"], contender.predict(np.load(request["pixels"])))
    return {}


def _time_single(contender: Contender, request: Request) -> Request:
    """Seconds of each of `count` calls, a picture each, after a warm-up; fewer where they take over `budget_s`."""
    pictures = np.load(request["pixels"])
    calls = [contender.prepare_single(pictures[number % len(pictures)]) for number in range(request["count"])]
    return {"seconds": _time_calls(calls, calls[:_WARM_UP_COUNT], request["budget_s"])}


def _time_batches(contender: Contender, request: Request) -> Request:
    """The same with 64 pictures each, by the name of the way to call."""
    ways = contender.prepare_batches(np.load(request["pixels"])[:BATCH_SIZE])
    count, budget_s = request["count"], request["budget_s"]
    return {way: {"seconds": _time_calls([call] * count, [call], budget_s)} for way, call in ways.items()}


def _describe(contender: Contender, request: Request) -> Request:
    return contender.describe(np.load(request["pixels"])[: request["count"]])


def _time_calls(calls: list[Call], warm_up: list[Call], budget_s: float) -> list[float]:
    """Seconds of each call: of all, or of at least three when `budget_s` are used up before."""
    for call in warm_up:
        call()
    seconds: list[float] = []
    for call in calls:
        if sum(seconds) > budget_s and len(seconds) >= _LEAST_CALL_COUNT:
            break
        started_s = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started_s)
    return seconds


_HANDLERS: dict[str, Callable[[Contender, Request], Request]] = {
    "predict": _predict,
    "time_single": _time_single,
    "time_batches": _time_batches,
    "describe": _describe,
}


if __name__ == "__main__":
    main(*sys.argv[1:])
