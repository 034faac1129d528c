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
from scipy.special import softmax

from benchmarks.ranking import Pictures
from configs.load import to_json
from configs.spec import Recipe
from models.augmentation import warp
from models.calibration import fit_temperature
from models.data_digest import compute_data_digest
from models.dataset import LabelledExamples, Transform, make_eval_dataset
from models.evaluation import predict_logits
from models.history import History
from models.precision import choose_policy
from models.seeded_network import build_seeded_network
from models.training import fit
from pipeline.fingerprint import compute_code_fingerprint
from reporting.calibration import compute_nll
from reporting.classification import compute_accuracy, compute_confusion, compute_macro_f1
from schema.contract import CLASS_COUNT, IMAGE_SHAPE, IMAGE_SIZE_PX

Logits = npt.NDArray[np.float32]

_ZOOM = 1.1


@dataclass(frozen=True)
class Trained:
    """A network with its averaged weights, and how it got there."""

    network: keras.Model
    transform: Transform
    history: History
    resumed_from_epoch: int
    """Epochs that an earlier, interrupted call had done."""


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
    state = folder / _name_state(recipe, compute_data_digest(examples, eval_, transform))
    network = build_seeded_network(recipe)
    dirs = {"checkpoint_dir": str(state), "log_dir": str(state / "log")}
    result = fit(network, examples, eval_, transform, recipe.trainer, **dirs)
    return Trained(network, transform, result.history, result.resumed_from_epoch)


def _name_state(recipe: Recipe, data_digest: str) -> str:
    # Sums in other numbers, or shared out among other cores, have other last digits, and training amplifies those.
    where = (choose_policy(recipe.trainer.precision), len(os.sched_getaffinity(0)))
    code = compute_code_fingerprint("models.training", "models.seeded_network")
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


def predict_views(trained: Trained, rows: Pictures) -> Logits:
    """Logits, float32 (4, n, 7), of each picture as it is, mirrored, enlarged, and both."""

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def compute(images: tf.Tensor) -> tf.Tensor:
        logits = trained.network(_make_views(images), training=False)
        # The row comes first, so that batches can be joined.
        return tf.transpose(tf.reshape(logits, [4, -1, CLASS_COUNT]), [1, 0, 2])

    logits, _ = predict_logits(compute, make_eval_dataset(_to_examples(rows), trained.transform))
    return np.ascontiguousarray(logits.transpose(1, 0, 2))


def _make_views(images: tf.Tensor) -> tf.Tensor:
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


def compute_accuracy_of(trained: Trained, rows: Pictures) -> float:
    """Share of `rows`, one view, that is right: of the rows trained on, how much was learned by heart."""
    compute = tf.function(lambda images: trained.network(images, training=False), reduce_retracing=True)
    logits, class_indices = predict_logits(compute, make_eval_dataset(_to_examples(rows), trained.transform))
    return float((logits.argmax(axis=1) == class_indices).mean())


def describe_logits(logits: Logits, class_indices: npt.NDArray[np.int64]) -> dict[str, Any]:
    """What answers are worth. Mean logits of several views, as `export.average_flip` takes them, are answers too.

    Args:
        logits: float (n, 7).
        class_indices: int (n,), the true classes.

    Returns:
        `accuracy`, `macro_f1`, `nll` in nats with the temperature 1, and `nll_at_best` with the `temperature` that
        makes it least on these very rows: what is left when calibration is not to blame.
    """
    confusion = compute_confusion(class_indices, logits.argmax(axis=1), CLASS_COUNT)
    temperature = fit_temperature(logits, class_indices)
    return {
        "accuracy": compute_accuracy(confusion),
        "macro_f1": compute_macro_f1(confusion),
        "nll": compute_nll(softmax(logits, axis=1), class_indices),
        "nll_at_best": compute_nll(softmax(logits / temperature, axis=1), class_indices),
        "temperature": temperature,
    }
