"""In which numbers a network is trained."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import tensorflow as tf

_BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}
_CPU_INFO = Path("/proc/cpuinfo")


def choose_policy(precision: str) -> str:
    """Keras's dtype policy for a setting of `trainer.precision`: `float32` or `mixed_bfloat16`."""
    if precision != "auto":
        return precision
    return "mixed_bfloat16" if _computes_in_bfloat16() else "float32"


def _computes_in_bfloat16() -> bool:
    """Whether it pays: 1.5 times the speed with AVX512_BF16; a processor without has to emulate it."""
    if tf.config.list_physical_devices("GPU"):
        return True
    flags = _CPU_INFO.read_text().split() if _CPU_INFO.exists() else []
    return not _BFLOAT16_FLAGS.isdisjoint(flags)


def describe_device() -> str:
    """What trains in this process: the names of its GPUs, or that of its processor."""
    gpus = tf.config.list_physical_devices("GPU")
    names = [tf.config.experimental.get_device_details(gpu).get("device_name", "GPU") for gpu in gpus]
    return ", ".join(map(str, names)) or _read_processor()


def _read_processor() -> str:
    lines = _CPU_INFO.read_text().splitlines() if _CPU_INFO.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "CPU")


@contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Within the block Keras builds layers under the policy `name`; afterwards under the one before."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
