"""The precision of a training on GPUs. Apart from `computation`, an edit of which would repeat every training."""

from dataclasses import replace

import tensorflow as tf

from configs.spec import TrainerConfig

_FIRST_WITH_BFLOAT16 = (8, 0)  # compute capability: NVIDIA's Ampere; a T4 has 7.5


def settle_gpu_precision(config: TrainerConfig) -> TrainerConfig:
    """`trainer.precision=auto` becomes float32 where a GPU has no units for bfloat16, else it stays."""
    details = map(tf.config.experimental.get_device_details, tf.config.list_physical_devices("GPU"))
    is_slow = any(each.get("compute_capability", (0, 0)) < _FIRST_WITH_BFLOAT16 for each in details)
    return replace(config, precision="float32") if is_slow and config.precision == "auto" else config
