"""Weights of two bytes: what they hold, and what loading them leaves behind."""

import gc
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from models.export import HalfWeight, is_half_enough

COUNT = 5_000_000
VALUES = np.random.default_rng(3).normal(size=COUNT).astype(np.float32)


class SumDouble(tf.Module):  # type: ignore[misc]
    """Stands in for a network: x times the sum of its weights."""

    def __init__(self) -> None:
        super().__init__()
        self._weight = HalfWeight(VALUES)

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32, name="x")])
    def serve(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x * tf.reduce_sum(self._weight.read())}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    module, path = SumDouble(), str(tmp_path_factory.mktemp("half") / "model")
    tf.saved_model.save(module, path, signatures={"serve": module.serve})
    return path


def ask(signature) -> float:
    return float(signature(x=tf.constant(1.0))["y"])


EXPECTED = pytest.approx(VALUES.astype(np.float16).astype(np.float64).sum(), rel=1e-4)


def read_resident_mb() -> float:
    (kilobytes,) = re.findall(r"^VmRSS:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(kilobytes) / 1000


def test_half_weight_model_that_is_loaded_again_and_again_takes_no_more_memory(folder):
    resident = []
    for _ in range(7):
        assert ask(tf.saved_model.load(folder).signatures["serve"]) == EXPECTED
        gc.collect()
        resident.append(read_resident_mb())
    # As float32 the weights take 20 MB, which once stayed for each load.
    assert resident[-1] - resident[1] < 2 * 20


def test_half_weight_model_loaded_twice_answers_when_one_of_them_is_gone(folder):
    one, other = (tf.saved_model.load(folder) for _ in range(2))
    assert ask(one.signatures["serve"]) == EXPECTED
    del one
    gc.collect()
    assert ask(other.signatures["serve"]) == EXPECTED


def test_half_weight_signature_answers_when_its_model_is_gone(folder):
    signature = tf.saved_model.load(folder).signatures["serve"]
    gc.collect()
    assert ask(signature) == EXPECTED


def test_half_weight_checkpoint_has_two_bytes_for_each(folder):
    assert sum(path.stat().st_size for path in Path(folder, "variables").iterdir()) < 2 * COUNT + 10_000


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.1, -3.0, 65_504.0], True), ([1.0, 65_520.0], False), ([-1e9], False), ([0.0, 0.0], True), ([], True),
        ([1.0, 1e-9], True), ([1e-6, -3e-7], False), ([1.0, np.nan], False), ([1.0, np.inf], False),
    ],
)  # fmt: skip
def test_is_half_enough_is_no_where_float16_loses_more_than_a_thousandth(values, expected):
    assert is_half_enough(np.array(values, np.float32)) is expected
