"""How fast the cores train, how fast they could, and whether they ever wait for pictures.

    python -m benchmarks.training_throughput --config configs/fer2013.yaml

The pictures are noise, since their content affects no timing.
"""

import argparse
import sys
from collections.abc import Sequence
from statistics import median
from timeit import repeat, timeit
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from benchmarks.harness.command import make_parser, parse_count, render, run_command
from benchmarks.model.trial import make_transform, to_examples
from configs.load import load_config
from configs.spec import ModelConfig, TrainerConfig
from fer_tfx.contract import CLASS_COUNT, IMAGE_SIZE_PX
from models.computation import choose_policy
from models.networks import build_network
from models.recipe import compile_network

_EXAMPLE_COUNT = 28_709


class Throughput(NamedTuple):
    """Medians of what one run measured."""

    policy: str
    size_px: int
    pipeline_images_per_s: float  # steps fed by the input pipeline
    memory_images_per_s: float  # the same steps fed with one augmented batch in memory
    achieved_gflops: float  # convolutions of the latter, forward and backward
    attainable_gflops: float  # a large convolution alone, forward and backward


def main(arguments: Sequence[str] | None = None) -> int:
    parser = make_parser("training_throughput", __doc__)
    parser.add_argument("--config", metavar="FILE", required=True, help="YAML file of settings")
    parser.add_argument("--steps", metavar="N", type=parse_count, default=40, help="steps in each round (default: 40)")
    parser.add_argument("--rounds", metavar="N", type=parse_count, default=5, help="rounds of each way (default: 5)")
    return run_command(parser, _report, arguments)


def _report(options: argparse.Namespace) -> None:
    config = load_config(options.config)
    found = measure(config.model, config.trainer, steps=options.steps, rounds=options.rounds)
    print(render("training_throughput.md", found=found), end="")


def measure(model: ModelConfig, trainer: TrainerConfig, *, steps: int, rounds: int) -> Throughput:
    """Train `steps` steps from the pipeline and from memory in turns, `rounds` times."""
    policy = choose_policy(trainer.precision)
    network = build_network(model, policy)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (_EXAMPLE_COUNT, IMAGE_SIZE_PX, IMAGE_SIZE_PX), dtype=np.uint8)
    examples = to_examples(pixels, rng.integers(0, CLASS_COUNT, _EXAMPLE_COUNT))
    compile_network(network, trainer, examples.count_steps(trainer.batch_size))
    pipeline = examples.make_train_dataset(make_transform(pixels), trainer)
    batch = next(iter(pipeline))
    memory = tf.data.Dataset.from_tensors(batch).repeat().prefetch(tf.data.AUTOTUNE)
    turns = [[_time_steps(network, dataset, steps) for dataset in (pipeline, memory)] for _ in range(rounds + 1)]
    pipeline_s, memory_s = (median(each) for each in zip(*turns[1:], strict=True))  # the first turn warms up
    size_px = int(batch[0].shape[1])
    pipeline_rate, memory_rate = trainer.batch_size / pipeline_s, trainer.batch_size / memory_s
    achieved = memory_rate * count_training_flops(network, size_px) / 1e9
    return Throughput(policy, size_px, pipeline_rate, memory_rate, achieved, measure_convolution_gflops(policy))


def count_training_flops(network: keras.Model, size_px: int) -> float:
    """Multiplications and additions of all convolutions for one picture; backward takes twice the forward's."""
    layers = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    maps = keras.Model(network.inputs, [layer.output for layer in layers])(tf.zeros([1, size_px, size_px, 1]))
    pairs = zip(layers, maps, strict=True)
    return float(3 * 2 * sum(np.prod(layer.kernel.shape) * np.prod(each.shape[1:3]) for layer, each in pairs))


def measure_convolution_gflops(policy: str, rounds: int = 20) -> float:
    """Best rate of one large 3x3 convolution with both its gradients, in 1e9 operations a second."""
    pictures, size_px, filters = 64, 24, 64
    dtype = keras.DTypePolicy(policy).compute_dtype
    images = tf.cast(tf.random.normal([pictures, size_px, size_px, filters]), dtype)
    kernel = tf.cast(tf.random.normal([3, 3, filters, filters]), dtype)

    @tf.function  # type: ignore[untyped-decorator]
    def compute() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch([images, kernel])
            features = tf.nn.conv2d(images, kernel, 1, "SAME")
        # The features themselves as gradient: nothing else is computed.
        return [gradient[0, 0] for gradient in tape.gradient(features, [images, kernel], features)]

    compute()
    flops = 3 * 2 * 9 * filters**2 * size_px**2 * pictures
    return flops / min(repeat(lambda: [each.numpy() for each in compute()], repeat=rounds, number=1)) / 1e9


def _time_steps(network: keras.Model, dataset: tf.data.Dataset, steps: int) -> float:
    """Seconds of one step, start of the dataset left out."""
    iterator = iter(dataset)
    next(iterator)
    network.make_train_function()
    return timeit(lambda: network.train_function(iterator), number=steps) / steps


if __name__ == "__main__":
    sys.exit(main())
