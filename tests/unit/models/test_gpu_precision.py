"""The precision that `auto` comes to on GPUs, by their compute capability; none of them is there."""

import pytest
import tensorflow as tf

from configs.spec import TrainerConfig
from models.computation import settle_computation
from models.gpu_precision import settle_gpu_precision

T4, A100, H200 = (7, 5), (8, 0), (9, 0)


@pytest.fixture
def gpus(monkeypatch):
    """Has TensorFlow list GPUs of these compute capabilities; None: a kind that has none."""

    def install(*capabilities):
        details = [{"device_name": "GPU", **({"compute_capability": each} if each else {})} for each in capabilities]
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [*range(len(details))])
        monkeypatch.setattr(tf.config.experimental, "get_device_details", details.__getitem__)

    return install


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ((T4,), "float32"),
        ((A100,), "mixed_bfloat16"),
        ((H200, H200), "mixed_bfloat16"),
        ((A100, T4), "float32"),
        ((None,), "float32"),
    ],
)
def test_settle_computation_auto_is_bfloat16_only_where_every_gpu_has_units_for_it(gpus, capabilities, expected):
    gpus(*capabilities)
    settled = settle_computation(settle_gpu_precision(TrainerConfig()), threads=4)
    assert (settled.precision, settled.gpus) == (expected, len(capabilities))


def test_settle_gpu_precision_leaves_what_was_asked_for_and_machines_without_gpus(gpus):
    gpus(T4)
    asked = TrainerConfig(precision="mixed_bfloat16")
    assert settle_gpu_precision(asked) is asked
    gpus()
    assert settle_gpu_precision(TrainerConfig()).precision == "auto"
