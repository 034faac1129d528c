"""How a training computes: numbers, threads and GPUs decide its weights, so they are in its name."""

import os
from typing import NamedTuple

import tensorflow as tf

from configs.spec import TrainerConfig
from fer_tfx.errors import ConfigError
from models.precision import choose_policy


class Computation(NamedTuple):
    """What `trainer.precision` and `trainer.threads` came to, and on what."""

    precision: str
    """Keras's dtype policy: `float32` or `mixed_bfloat16`."""
    threads: tuple[int, ...]
    """Of each worker that trains, in their order."""
    gpus: int = 0
    """Of all workers; 0: processors train."""

    def __str__(self) -> str:
        """`float32-2-cpu`, or `mixed_bfloat16-4_8-gpu2` for two workers."""
        return f"{self.precision}-{'_'.join(map(str, self.threads))}-{f'gpu{self.gpus}' if self.gpus else 'cpu'}"


def settle_computation(
    config: TrainerConfig, threads: int, strategy: tf.distribute.Strategy | None = None
) -> Computation:
    """How this process trains, or all workers of `strategy`, who get the same answer.

    Args:
        config: the settings.
        threads: of this process, see `use_threads`.
        strategy: of the workers that train together; None: this process trains alone.
    """
    precision, gpus = choose_policy(config.precision), len(tf.config.list_physical_devices("GPU"))
    if strategy is None:
        return Computation(precision, (threads,), gpus)
    own = tf.constant([[threads, int(precision == "float32")]])
    told = strategy.gather(strategy.run(lambda: own), axis=0).numpy()
    # Where one worker doesn't compute in bfloat16, none does.
    return Computation("float32" if told[:, 1].any() else precision, tuple(map(int, told[:, 0])), gpus and len(told))


def use_threads(asked: int) -> int:
    """Set the threads of TensorFlow in this process; the number that it works with.

    Call it before anything of TensorFlow has run: it keeps the number that it begins to work with.

    Args:
        asked: a value of `trainer.threads`; 0: what it works with by itself, or was told before.

    Raises:
        ConfigError: it works with another number already.
    """
    used: int = tf.config.threading.get_intra_op_parallelism_threads() or len(os.sched_getaffinity(0))
    if asked in (0, used):
        return used
    try:
        tf.config.threading.set_intra_op_parallelism_threads(asked)
        tf.config.threading.set_inter_op_parallelism_threads(asked)
    except RuntimeError:
        raise ConfigError(
            f"trainer.threads: {asked}: TensorFlow has begun to work with {used} threads in this process and can't"
            f" change that; train in a process of its own, or set trainer.threads={used}"
        ) from None
    return asked
