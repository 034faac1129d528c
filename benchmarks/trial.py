"""One training and what it is worth: the recipe goes through the project's own `fit`, as in a pipeline."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from benchmarks.ranking import Pictures
from benchmarks.view_logits import ViewLogits
from configs.load import to_json
from configs.spec import Recipe
from fer_tfx.contract import CLASS_COUNT, IMAGE_SHAPE, IMAGE_SIZE_PX
from models.checkpoint import History
from models.computation import choose_policy
from models.dataset import LabelledExamples, Transform, compute_data_digest, make_eval_dataset
from models.networks import build_seeded_network
from models.recipe import warp
from models.training import fit, predict_logits
from pipeline.fingerprint import compute_code_fingerprint

_ZOOM = 1.1


@dataclass(frozen=True)
class Trained:
    """A network with its averaged weights, and how it got there."""

    network: keras.Model
    transform: Transform
    history: History
    resumed_from_epoch: int
    """Epochs that an earlier, interrupted call had done."""

    def describe(self) -> dict[str, Any]:
        """`curve`: accuracy of the averaged weights by epoch; `seconds`: wall time of all epochs that count."""
        curve = [[each.epoch, each.eval_accuracy] for each in self.history if each.eval_accuracy is not None]
        return {
            "parameters": self.network.count_params(),
            "precision": self.network.dtype_policy.name,
            "epochs": len(self.history),
            "curve": curve,
            "seconds": round(sum(each.seconds for each in self.history)),
            "resumed_from_epoch": self.resumed_from_epoch,
        }


def train(recipe: Recipe, rows: Pictures, measured: Pictures, folder: Path) -> Trained:
    """Train on `rows`, or go on where an interrupted call with all the same ended.

    Args:
        recipe: network and training, seed included.
        rows: to learn from.
        measured: to be measured every `evaluation_interval_epochs`; nothing is chosen by it.
        folder: keeps the state. A training has a folder of its own in it, by all that decides its outcome: recipe,
            rows, code, precision and number of cores.
    """
    transform = make_transform(rows.pixels)
    examples, eval_ = (_to_examples(each) for each in (rows, measured))
    state = folder / _name_state(recipe, compute_data_digest([examples, eval_], transform))
    network = build_seeded_network(recipe)
    dirs = {"checkpoint_dir": str(state), "log_dir": str(state / "log")}
    result = fit(network, examples, eval_, transform, recipe.trainer, **dirs)
    return Trained(network, transform, result.history, result.resumed_from_epoch)


def _name_state(recipe: Recipe, data_digest: str) -> str:
    # Sums in other numbers, or shared out among other cores, have other last digits, and training amplifies those.
    where = (choose_policy(recipe.trainer.precision), len(os.sched_getaffinity(0)))
    code = compute_code_fingerprint("models.training", "models.networks")
    return hashlib.sha256(repr((to_json(recipe), data_digest, where, code)).encode()).hexdigest()[:16]


def make_transform(pixels: npt.NDArray[np.uint8]) -> Transform:
    """What `models.preprocessing.preprocessing_fn` makes of the rows `pixels`, uint8 (n, 48, 48), without Beam.

    Returns:
        Bytes of pictures, string (b,) -> float32 (b, 48, 48, 1), z-scored with the mean and deviation of all pixels.
    """
    mean, deviation = pixels.mean() / 255.0, pixels.std() / 255.0

    def transform(raw: tf.Tensor) -> tf.Tensor:
        decoded = tf.reshape(tf.io.decode_raw(raw, tf.uint8), [-1, *IMAGE_SHAPE])
        return (tf.cast(decoded, tf.float32) / 255.0 - mean) / deviation

    return transform


def _to_examples(rows: Pictures) -> LabelledExamples:
    return LabelledExamples(tf.constant([each.tobytes() for each in rows.pixels]), tf.constant(rows.class_indices))


def predict_views(trained: Trained, rows: Pictures) -> ViewLogits:
    """Answers to each picture as it is, mirrored, enlarged, and both."""

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def compute(images: tf.Tensor) -> tf.Tensor:
        logits = trained.network(make_views(images), training=False)
        # The picture comes first, so that batches can be joined.
        return tf.transpose(tf.reshape(logits, [4, -1, CLASS_COUNT]), [1, 0, 2])

    logits, class_indices = predict_logits(compute, make_eval_dataset(_to_examples(rows), trained.transform))
    return ViewLogits(np.ascontiguousarray(logits.transpose(1, 0, 2)), class_indices)


def make_views(images: tf.Tensor) -> tf.Tensor:
    """float32 (b, 48, 48, 1) -> (4 b, 48, 48, 1), view by view."""
    both = tf.concat([images, images[:, :, ::-1]], axis=0)
    zeros = tf.zeros([tf.shape(both)[0]])
    enlarged = warp(
        both,
        is_flipped=zeros > 0.0,
        rotation_rad=zeros,
        scale=zeros + _ZOOM,
        shift_px=tf.stack([zeros, zeros], axis=1),
        size_px=tf.constant(IMAGE_SIZE_PX),
    )
    return tf.concat([both, enlarged], axis=0)


def compute_own_accuracy(trained: Trained, rows: Pictures) -> float:
    """Share of `rows`, those trained on, that is right in one view: how much was learned by heart."""
    compute = tf.function(lambda images: trained.network(images, training=False), reduce_retracing=True)
    logits, class_indices = predict_logits(compute, make_eval_dataset(_to_examples(rows), trained.transform))
    return float((logits.argmax(axis=1) == class_indices).mean())
