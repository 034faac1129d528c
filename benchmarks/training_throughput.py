"""How fast the cores train, how fast they could, and what the Trainer of a run makes of that.

    python -m benchmarks.training_throughput --config configs/fer2013.yaml --data icml_face_data.csv

The step's pictures are noise, since their content affects no timing. All ways take turns, and the best round of each
counts, as other processes only ever slow one. ONEDNN_MAX_CPU_ISA=AVX2, with precision float32, computes as on a
processor without AVX-512.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from timeit import repeat
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from benchmarks.harness.command import ROOT, make_parser, parse_count, print_report, render, run_command
from benchmarks.harness.measure import BenchmarkError
from benchmarks.model.trial import make_transform, to_examples
from configs.load import load_config
from configs.spec import ModelConfig, TrainerConfig
from fer_tfx.contract import DEFAULT_CLASS_NAMES, IMAGE_SIZE_PX, TRAINING_RECORD_FILE
from models.computation import choose_policy
from models.networks import build_network
from models.recipe import compile_network

_EXAMPLE_COUNT = 28_709
_EPOCHS = 10
_TRAINER_LINE = re.compile(r"^Trainer +([\d.]+) s", re.MULTILINE)  # of `fer-tfx run`


class Throughput(NamedTuple):
    """The best rounds of what one run measured."""

    policy: str
    size_px: int
    pipeline_images_per_s: float  # steps fed by the input pipeline
    memory_images_per_s: float  # the fastest of the same steps fed with one augmented batch in memory
    achieved_gflops: float  # convolutions of the latter, forward and backward
    attainable_gflops: float  # a large convolution alone, the fastest, forward and backward


class Clock(NamedTuple):
    """The Trainer of a run as its user sees it: start, epochs, evaluations and export."""

    seconds: float
    pictures: int  # of all epochs


def main(arguments: Sequence[str] | None = None) -> int:
    parser = make_parser("training_throughput", __doc__)
    parser.add_argument("--config", metavar="FILE", required=True, help="YAML file of settings")
    parser.add_argument("--data", metavar="FILE", help="labelled rows for the Trainer (default: drawn faces)")
    parser.add_argument("--out", metavar="FILE", type=Path, help="also write the report there, as Markdown")
    parser.add_argument("--steps", metavar="N", type=parse_count, default=40, help="steps in each round (default: 40)")
    parser.add_argument("--rounds", metavar="N", type=parse_count, default=5, help="rounds of each way (default: 5)")
    return run_command(parser, _report, arguments)


def _report(options: argparse.Namespace) -> None:
    config = load_config(options.config)

    def write_report() -> str:
        clock = measure_trainer(options.config, options.data)
        found = measure(config.model, config.trainer, steps=options.steps, rounds=options.rounds)
        return render("training_throughput.md", found=found, clock=clock, epochs=_EPOCHS)

    print_report(options.out, write_report)


def measure_trainer(config: str, data: str | None) -> Clock:
    """Ten epochs by `fer-tfx run` in a folder of its own. Raises BenchmarkError, with its output, if none ends."""
    with TemporaryDirectory(prefix="benchmark-") as root:
        settings = (f"trainer.epochs={_EPOCHS}", f"runtime.root={root}")
        arguments = ["--config", config, *(["--data", data] if data else []), *(f"--set={each}" for each in settings)]
        environment = {"PYTHONWARNINGS": "ignore", "TF_CPP_MIN_LOG_LEVEL": "3", **os.environ}
        command = [sys.executable, "-m", "pipeline", "run", *arguments]
        run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        line = _TRAINER_LINE.search(run.stdout)
        if not line:
            raise BenchmarkError(f"{' '.join(command)}: exit code {run.returncode}: {run.stdout}{run.stderr}")
        (record,) = Path(root).glob(f"*/artifacts/Trainer/model/*/Format-Serving/*/{TRAINING_RECORD_FILE}")
        rows = sum(span["train_rows"] for span in json.loads(record.read_text("utf-8"))["spans"])
    return Clock(float(line[1]), rows * _EPOCHS)


def measure(model: ModelConfig, trainer: TrainerConfig, *, steps: int, rounds: int) -> Throughput:
    """Train `steps` steps from the pipeline, as many from memory, and convolve, in turns, `rounds` times."""
    policy = choose_policy(trainer.precision)
    network = build_network(model, len(DEFAULT_CLASS_NAMES), policy)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (_EXAMPLE_COUNT, IMAGE_SIZE_PX, IMAGE_SIZE_PX), dtype=np.uint8)
    examples = to_examples(pixels, rng.integers(0, len(DEFAULT_CLASS_NAMES), _EXAMPLE_COUNT))
    compile_network(network, trainer, examples.count_steps(trainer.batch_size))
    pipeline = examples.make_train_dataset(make_transform(pixels), trainer)
    batch = next(iter(pipeline))
    memory = tf.data.Dataset.from_tensors(batch).repeat().prefetch(tf.data.AUTOTUNE)
    convolve = build_convolution(policy)

    def take_turn() -> tuple[float, float, float]:
        return mean(_time_steps(network, pipeline, steps)), min(_time_steps(network, memory, steps)), convolve()

    turns = [take_turn() for _ in range(rounds + 1)]
    pipeline_s, memory_s, convolution_s = (min(each) for each in zip(*turns[1:], strict=True))  # the first warms up
    size_px = int(batch[0].shape[1])
    pipeline_rate, memory_rate = trainer.batch_size / pipeline_s, trainer.batch_size / memory_s
    achieved = memory_rate * count_training_flops(network, size_px) / 1e9
    return Throughput(policy, size_px, pipeline_rate, memory_rate, achieved, 1 / convolution_s)


def count_training_flops(network: keras.Model, size_px: int) -> float:
    """Multiplications and additions of all convolutions for one picture; backward takes twice the forward's."""
    layers = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    maps = keras.Model(network.inputs, [layer.output for layer in layers])(tf.zeros([1, size_px, size_px, 1]))
    pairs = zip(layers, maps, strict=True)
    return float(3 * 2 * sum(np.prod(layer.kernel.shape) * np.prod(each.shape[1:3]) for layer, each in pairs))


def build_convolution(policy: str, repeats: int = 20) -> Callable[[], float]:
    """Function that times 1e9 operations of one large 3x3 convolution with both its gradients, in seconds."""
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

    gflop = 3 * 2 * 9 * filters**2 * size_px**2 * pictures / 1e9
    return lambda: min(repeat(lambda: [each.numpy() for each in compute()], repeat=repeats, number=1)) / gflop


def _time_steps(network: keras.Model, dataset: tf.data.Dataset, steps: int) -> list[float]:
    """Seconds of each step, start of the dataset left out."""
    iterator = iter(dataset)
    next(iterator)
    network.make_train_function()
    return repeat(lambda: network.train_function(iterator), repeat=steps, number=1)


if __name__ == "__main__":
    sys.exit(main())
