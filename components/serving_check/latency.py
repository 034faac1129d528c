"""How long one picture takes, of several models in turns, so that whatever slows the machine slows them alike."""

import time
from contextlib import ExitStack

import numpy as np
import numpy.typing as npt

from components.loaded_model import Ask, open_signature
from fer_tfx.contract import SERVE_PIXELS

WARM_UP_COUNT = 20
ROUND_COUNT = 200


def measure_latencies(model_dirs: list[str], picture: npt.NDArray[np.uint8]) -> list[float]:
    """Median wall time of `serve_pixels` with all its outputs, in ms, by model.

    Args:
        model_dirs: folders of SavedModels.
        picture: uint8 (1, 48, 48, 1).
    """
    with ExitStack() as stack:
        models = [stack.enter_context(open_signature(model_dir, SERVE_PIXELS)) for model_dir in model_dirs]
        for ask in models:
            _time_ms(ask, picture, WARM_UP_COUNT)
        times = np.array([_ask_in_turns(models, picture, is_reversed=bool(n % 2)) for n in range(ROUND_COUNT)])
    return [float(median) for median in np.median(times, axis=0)]


def _ask_in_turns(models: list[Ask], picture: npt.NDArray[np.uint8], is_reversed: bool) -> list[float]:
    """One time by model, in ms; who comes first changes from round to round."""
    step = -1 if is_reversed else 1
    return [_time_ms(ask, picture) for ask in models[::step]][::step]


def _time_ms(ask: Ask, picture: npt.NDArray[np.uint8], count: int = 1) -> float:
    start = time.perf_counter()
    for _ in range(count):
        ask(picture)
    return (time.perf_counter() - start) * 1e3 / count
