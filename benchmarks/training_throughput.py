"""How fast the cores train, how fast they could, and whether they ever wait for pictures.

`python -m benchmarks.training_throughput --config configs/fer2013.yaml` prints Markdown. Pictures are noise: no time
depends on what they show.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from configs.load import load_config
from configs.spec import ModelConfig, TrainerConfig
from fer_tfx.contract import CLASS_COUNT, PIXEL_COUNT
from models.computation import choose_policy
from models.dataset import LabelledExamples
from models.networks import build_network
from models.recipe import compile_network

_EXAMPLE_COUNT = 28_709
_CONVOLUTION = (64, 24, 64)  # pictures, px, filters: large enough for the best rate of a 3x3 convolution


@dataclass(frozen=True)
class Throughput:
    """What one run measured; medians."""

    policy: str
    size_px: int
    pipeline_images_per_s: float
    """Steps fed by the input pipeline."""
    memory_images_per_s: float
    """The same steps fed with one augmented batch that lies in memory."""
    achieved_gflops: float
    """Convolutions of the steps fed from memory, forward and backward."""
    attainable_gflops: float
    """A large convolution alone, forward and backward."""


def measure(model: ModelConfig, trainer: TrainerConfig, *, steps: int, rounds: int) -> Throughput:
    """Train `steps` steps from the pipeline and from memory by turns, `rounds` times."""
    policy = choose_policy(trainer.precision)
    network = build_network(model, policy)
    examples = _draw_examples()
    compile_network(network, trainer, examples.count_steps(trainer.batch_size))
    pipeline = examples.make_train_dataset(_normalise, trainer)
    batch = next(iter(pipeline))
    memory = tf.data.Dataset.from_tensors(batch).repeat().prefetch(tf.data.AUTOTUNE)
    for dataset in (pipeline, memory):
        _time_steps(network, dataset, steps)
    times = [(_time_steps(network, pipeline, steps), _time_steps(network, memory, steps)) for _ in range(rounds)]
    pipeline_s, memory_s = (statistics.median(each) for each in zip(*times, strict=True))
    size_px = int(batch[0].shape[1])
    memory_rate = trainer.batch_size / memory_s
    return Throughput(
        policy=policy,
        size_px=size_px,
        pipeline_images_per_s=trainer.batch_size / pipeline_s,
        memory_images_per_s=memory_rate,
        achieved_gflops=memory_rate * count_training_flops(network, size_px) / 1e9,
        attainable_gflops=measure_convolution_gflops(policy),
    )


def count_training_flops(network: keras.Model, size_px: int) -> float:
    """Multiplications and additions of all convolutions for one picture; backward takes twice the forward's."""
    probe = keras.Model(network.inputs, [layer.output for layer in network.layers if _is_convolution(layer)])
    maps = probe(tf.zeros([1, size_px, size_px, 1]))
    layers = [layer for layer in network.layers if _is_convolution(layer)]
    multiplications = (
        np.prod(layer.kernel.shape) * np.prod(features.shape[1:3]) for layer, features in zip(layers, maps, strict=True)
    )
    return float(3 * 2 * sum(multiplications))


def measure_convolution_gflops(policy: str, rounds: int = 20) -> float:
    """Best rate of one large 3x3 convolution with both its gradients, in 1e9 operations a second."""
    pictures, size_px, filters = _CONVOLUTION
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
    return flops / min(_time(lambda: [each.numpy() for each in compute()]) for _ in range(rounds)) / 1e9


def format_throughput(throughput: Throughput) -> str:
    """Markdown."""
    ratio = throughput.pipeline_images_per_s / throughput.memory_images_per_s
    share = throughput.achieved_gflops / throughput.attainable_gflops
    return f"""\
| training step, {throughput.size_px} px, {throughput.policy} | |
|---|---:|
| fed by the input pipeline, images/s | {throughput.pipeline_images_per_s:.0f} |
| fed from memory, images/s | {throughput.memory_images_per_s:.0f} |
| pipeline / memory | {ratio:.3f} |
| achieved, GFLOP/s | {throughput.achieved_gflops:.0f} |
| attainable (one large convolution), GFLOP/s | {throughput.attainable_gflops:.0f} |
| achieved / attainable | {share:.2f} |"""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="YAML file of settings")
    parser.add_argument("--steps", type=int, default=40, help="training steps in each round (default: 40)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each way (default: 5)")
    parsed = parser.parse_args(arguments)
    config = load_config(parsed.config, [], {})
    print(format_throughput(measure(config.model, config.trainer, steps=parsed.steps, rounds=parsed.rounds)))


def _is_convolution(layer: keras.Layer) -> bool:
    return isinstance(layer, keras.layers.Conv2D)


def _draw_examples() -> LabelledExamples:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (_EXAMPLE_COUNT, PIXEL_COUNT), dtype=np.uint8)
    classes = rng.integers(0, CLASS_COUNT, _EXAMPLE_COUNT)
    return LabelledExamples(tf.constant([picture.tobytes() for picture in pixels]), tf.constant(classes))


def _normalise(raw: tf.Tensor) -> tf.Tensor:
    """What the Transform graph does, with FER2013's mean and standard deviation."""
    pixels = tf.reshape(tf.io.decode_raw(raw, tf.uint8), [-1, 48, 48, 1])
    return (tf.cast(pixels, tf.float32) / 255.0 - 0.508) / 0.255


def _time_steps(network: keras.Model, dataset: tf.data.Dataset, steps: int) -> float:
    """Seconds of one step, start of the dataset left out."""
    iterator = iter(dataset)
    next(iterator)
    network.make_train_function()
    return _time(lambda: [network.train_function(iterator) for _ in range(steps)]) / steps


def _time(work: Callable[[], object]) -> float:
    started_s = time.perf_counter()
    work()
    return time.perf_counter() - started_s


if __name__ == "__main__":
    main()
