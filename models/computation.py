"""How a training computes: numbers, threads, devices and workers decide its weights, so they are in its name."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf

from configs.spec import TrainerConfig
from fer_tfx.errors import ConfigError

_BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}
_CPU_INFO = Path("/proc/cpuinfo")


class Computation(NamedTuple):
    """Keras's dtype policy, the threads of each worker, and the GPUs of all: `mixed_bfloat16-4_8-gpu2` as text."""

    precision: str
    threads: tuple[int, ...]
    gpus: int = 0

    def __str__(self) -> str:
        return f"{self.precision}-{'_'.join(map(str, self.threads))}-{f'gpu{self.gpus}' if self.gpus else 'cpu'}"


@dataclass(frozen=True)
class Share:
    """Which of the workers that train together this one is."""

    index: int = 0
    count: int = 1


ALONE = Share()


def settle_computation(
    config: TrainerConfig, threads: int, strategy: tf.distribute.Strategy | None = None
) -> Computation:
    """How this process trains with its `threads`, or all workers of `strategy`, who get the same answer."""
    precision, gpus = choose_policy(config.precision), len(tf.config.list_physical_devices("GPU"))
    if strategy is None:
        return Computation(precision, (threads,), gpus)
    own = tf.constant([[threads, int(precision == "float32")]])
    all_workers = strategy.gather(strategy.run(lambda: own), axis=0).numpy()
    # Where one worker doesn't compute in bfloat16, none does.
    precision = "float32" if all_workers[:, 1].any() else precision
    return Computation(precision, tuple(map(int, all_workers[:, 0])), gpus and len(all_workers))


def use_threads(asked: int) -> int:
    """Set TensorFlow's threads (0: leave them) and return the number in use; ConfigError if it is too late for that."""
    used: int = tf.config.threading.get_intra_op_parallelism_threads() or len(os.sched_getaffinity(0))
    if asked in (0, used):
        return used
    try:
        tf.config.threading.set_intra_op_parallelism_threads(asked)
        tf.config.threading.set_inter_op_parallelism_threads(asked)
    except RuntimeError:
        raise ConfigError(
            f"trainer.threads: {asked}: TensorFlow already runs with {used} threads in this process and can't change"
            f" that; train in a separate process, or set trainer.threads={used}"
        ) from None
    return asked


def choose_policy(precision: str) -> str:
    """Keras's dtype policy for `trainer.precision`: `auto` is bfloat16 unless the processor emulates it."""
    if precision != "auto":
        return precision
    is_fast = tf.config.list_physical_devices("GPU") or not _BFLOAT16_FLAGS.isdisjoint(_read_cpu_info().split())
    return "mixed_bfloat16" if is_fast else "float32"


def describe_device() -> str:
    """What trains in this process: the names of its GPUs, or that of its processor."""
    gpus = tf.config.list_physical_devices("GPU")
    names = [tf.config.experimental.get_device_details(gpu).get("device_name", "GPU") for gpu in gpus]
    processors = [line for line in _read_cpu_info().splitlines() if line.startswith("model name")]
    return ", ".join(map(str, names)) or (processors[0].partition(":")[2].strip() if processors else "CPU")


def _read_cpu_info() -> str:
    return _CPU_INFO.read_text() if _CPU_INFO.exists() else ""


def choose_worker_strategy() -> tf.distribute.Strategy | None:
    """A MultiWorkerMirroredStrategy where `TF_CONFIG` names several workers, else None; before any operation runs.

    Raises ConfigError if this worker sees several GPUs: each one would take a batch of its own.
    """
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    if len(_list_workers(resolver)) <= 1:
        return None
    if (gpus := len(tf.config.list_physical_devices("GPU"))) > 1:
        expected = f"expected at most one GPU for each of its workers, got {gpus}"
        raise ConfigError(f"TF_CONFIG: {expected}; leave one in CUDA_VISIBLE_DEVICES, or start a worker for each")
    return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)


def find_share(strategy: tf.distribute.Strategy | None) -> Share:
    """Which worker of a MultiWorkerMirroredStrategy this process is; the only one of any other strategy."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return ALONE
    resolver = strategy.cluster_resolver
    workers = _list_workers(resolver)
    return Share(workers.index((resolver.task_type, resolver.task_id)), len(workers))


def _list_workers(resolver: tf.distribute.cluster_resolver.ClusterResolver) -> list[tuple[str, int]]:
    """Job and number of each, the chief first."""
    spec = resolver.cluster_spec()
    return [(job, number) for job in ("chief", "worker") if job in spec.jobs for number in spec.task_indices(job)]
