"""What a training on a second span reaches when it begins with the weights of the first, and when it begins anew.

`python -m benchmarks.warm_start` draws two spans of faces and prints Markdown. Spans that are alike are an easy case:
`--noise 40` makes the pictures of the second one worse.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from benchmarks.command import run_command
from configs.spec import ModelConfig, Recipe, TrainerConfig
from fer_tfx.contract import PIXEL_COUNT
from models.dataset import LabelledExamples, make_eval_dataset
from models.networks import build_seeded_network
from models.recipe import compile_network
from models.training import build_evaluation, fit
from models.warm_start import WarmStart, keep_weights, read_warm_start
from schema.drawn_faces import draw_faces

_EPOCHS = (1, 2, 3)


@dataclass(frozen=True)
class Span:
    """The splits of one span."""

    train: LabelledExamples
    eval_: LabelledExamples


def draw_span(train_count: int, eval_count: int, seed: int, noise: float = 0.0) -> Span:
    """Faces that no span of another seed has, with noise of that standard deviation in grey levels on top."""
    return Span(*(_draw(count, 2 * seed + number, noise) for number, count in enumerate((train_count, eval_count))))


def _draw(count: int, seed: int, noise: float) -> LabelledExamples:
    faces = draw_faces(count, seed)
    noisy = faces.pixels + np.random.default_rng(seed).normal(0.0, noise, faces.pixels.shape)
    pixels = np.clip(np.rint(noisy), 0, 255).astype(np.uint8).reshape(count, PIXEL_COUNT)
    return LabelledExamples(tf.constant([each.tobytes() for each in pixels]), tf.constant(faces.class_indices))


def _normalise(raw: tf.Tensor) -> tf.Tensor:
    pixels = tf.reshape(tf.io.decode_raw(raw, tf.uint8), [-1, 48, 48, 1])
    return tf.cast(pixels, tf.float32) / 64.0 - 2.0


def train(span: Span, recipe: Recipe, start: WarmStart | None) -> tuple[keras.Model, float]:
    """The network and its accuracy on the eval split, 0-1; each epoch but the last goes unmeasured."""
    network = build_seeded_network(recipe)
    if start:
        start.apply(network, recipe.model)
    config = replace(recipe.trainer, evaluation_interval_epochs=recipe.trainer.epochs)
    with tempfile.TemporaryDirectory() as folder:
        dirs = {"checkpoint_dir": f"{folder}/state", "log_dir": f"{folder}/logs"}
        result = fit(network, span.train, span.eval_, _normalise, config, **dirs)
    accuracy = result.history[-1].eval_accuracy
    assert accuracy is not None, "the last epoch is always measured"
    return network, accuracy


def keep(network: keras.Model) -> WarmStart:
    """The weights by way of the file that a model keeps."""
    with tempfile.TemporaryDirectory() as folder:
        keep_weights(network, str(Path(folder, "Format-Serving")))
        return read_warm_start(str(Path(folder, "Format-Serving")))


def compute_accuracy(span: Span, recipe: Recipe, start: WarmStart) -> float:
    """Of the earlier weights as they are, on the eval split of a later span."""
    network = build_seeded_network(recipe)
    start.apply(network, recipe.model)
    compile_network(network, recipe.trainer, 1)
    _, accuracy = build_evaluation(network, make_eval_dataset(span.eval_, _normalise))()
    return accuracy


def compare(first: Span, second: Span, recipe: Recipe, low_peak: float) -> list[tuple[str, list[float | None]]]:
    """By way of beginning: accuracy on the second span after each number of epochs, for warm ones after none first."""
    network, accuracy = train(first, recipe, None)
    start = keep(network)
    before = compute_accuracy(second, recipe, start)
    print(f"first span, {recipe.trainer.epochs} epochs: {accuracy:.4f}", file=sys.stderr)
    peak = recipe.trainer.peak_learning_rate
    rows: list[tuple[str, list[float | None]]] = []
    for name, begin, rate in (("random", None, peak), ("warm", start, peak), ("warm", start, low_peak)):
        accuracies = []
        for epochs in _EPOCHS:
            trainer = replace(recipe.trainer, epochs=epochs, peak_learning_rate=rate)
            accuracies.append(train(second, replace(recipe, trainer=trainer), begin)[1])
        rows.append((f"{name}, peak {rate}", [before if begin else None, *accuracies]))
    return rows


def format_rows(rows: Sequence[tuple[str, list[float | None]]]) -> str:
    """A table in Markdown; a way of beginning that has no weights yet has no accuracy before the first epoch."""
    lines = [f"| begins with | 0 epochs | {' | '.join(map(str, _EPOCHS))} |", "|---|" + "---:|" * (1 + len(_EPOCHS))]
    for name, accuracies in rows:
        cells = ["-" if each is None else f"{each:.3f}" for each in accuracies]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.warm_start", description=__doc__)
    parser.add_argument("--rows", type=int, default=3000, help="training rows of each span (3000)")
    parser.add_argument("--eval-rows", type=int, default=800, help="eval rows of each span (800)")
    parser.add_argument("--epochs", type=int, default=10, help="of the training on the first span (10)")
    parser.add_argument("--low-peak", type=float, default=0.02, help="the lower peak learning rate (0.02)")
    parser.add_argument("--noise", type=float, default=0.0, help="on the second span, in grey levels (0)")
    return parser.parse_args()


def main() -> None:
    parsed = _parse()
    recipe = Recipe(ModelConfig(), TrainerConfig(epochs=parsed.epochs))
    first, second = (draw_span(parsed.rows, parsed.eval_rows, *each) for each in ((1, 0.0), (2, parsed.noise)))
    print(format_rows(compare(first, second, recipe, parsed.low_peak)))


if __name__ == "__main__":
    sys.exit(run_command("benchmarks.warm_start", main))
