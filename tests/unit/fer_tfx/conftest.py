"""Pictures whose answers are known, and a served model that is asked by each API."""

import io
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PIL import Image
from serving_double import TensorFlowServingDouble, answer_by_first_value

from fer_tfx.client.client import Client
from fer_tfx.client.transport import Timing


class ClockDouble:
    """Time that passes only when someone sleeps; `waits` are the seconds."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    @property
    def timing(self) -> Timing:
        """Without chance: each wait is the longest."""
        return Timing(clock=lambda: self.now, sleep=self.sleep, random=lambda: 1.0)


@pytest.fixture
def clock() -> ClockDouble:
    return ClockDouble()


@pytest.fixture
def draw() -> Callable[..., np.ndarray]:
    """Grey values -> pixels uint8 (n, 48, 48, 1), for which `answer_by_first_value` knows the answers."""
    return lambda *values: np.repeat(np.array(values, np.uint8), 48 * 48).reshape(-1, 48, 48, 1)


@pytest.fixture
def write_file(draw) -> Callable[..., bytes]:
    """A grey value -> the bytes of a picture file."""

    def write(value: int, form: str = "PNG") -> bytes:
        stream = io.BytesIO()
        Image.fromarray(draw(value)[0, ..., 0]).save(stream, form)
        return stream.getvalue()

    return write


@pytest.fixture
def double() -> Iterator[TensorFlowServingDouble]:
    """Two versions that answer alike; `stable` is the first."""
    with TensorFlowServingDouble({1: answer_by_first_value, 2: answer_by_first_value}, labels={"stable": 1}) as double:
        yield double


@pytest.fixture(params=["REST", "gRPC"])
def url(request: pytest.FixtureRequest, double: TensorFlowServingDouble) -> str:
    """Of the double, for each API."""
    return double.rest_url if request.param == "REST" else double.start_grpc()


@pytest.fixture
def client(url: str, clock: ClockDouble) -> Iterator[Client]:
    """Asks the double by each API; no time passes."""
    with Client(url, timing=clock.timing) as client:
        yield client
