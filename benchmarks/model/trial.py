"""One training by the project's own `fit`, and the figures of its answers to several views of each picture."""

import hashlib
import os
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy.special import softmax

from benchmarks.model.fer2013 import Pictures, PublicTest, write_arrays
from configs.load import to_json
from configs.spec import Recipe
from fer_tfx.contract import DEFAULT_CLASS_NAMES, IMAGE_SHAPE
from fer_tfx.errors import DataError
from fer_tfx.views import VIEW_COUNTS, make_views
from models.calibration import fit_temperature
from models.checkpoint import History
from models.computation import choose_policy
from models.dataset import LabelledExamples, Transform, compute_data_digest, make_eval_dataset
from models.networks import build_seeded_network
from models.training import fit, predict_logits
from pipeline.fingerprint import compute_code_fingerprint
from reporting.calibration import compute_nll
from reporting.classification import compute_accuracy, compute_confusion, compute_macro_f1

_FILE, OWN_FILE = "answers.npz", "own_answers.npz"  # to the rows that judge, and to those trained on
Rows = Pictures | PublicTest


class Trained(NamedTuple):
    """A network with its averaged weights, and the course of its training."""

    network: keras.Model
    transform: Transform
    history: History
    resumed_from_epoch: int  # epochs that an earlier, interrupted call did

    def describe(self) -> dict[str, Any]:
        """`curve`: accuracy of the averaged weights by epoch; `seconds`: wall time of all epochs that count."""
        return {
            "parameters": self.network.count_params(),
            "precision": self.network.dtype_policy.name,
            "epochs": len(self.history),
            "curve": [[each.epoch, each.eval_accuracy] for each in self.history if each.eval_accuracy is not None],
            "seconds": round(sum(each.seconds for each in self.history)),
            "resumed_from_epoch": self.resumed_from_epoch,
        }


def train(
    recipe: Recipe, rows: Rows, measured: Rows, folder: Path, targets: npt.NDArray[np.float32] | None = None
) -> Trained:
    """Train on `rows`, or resume an interrupted call with the same arguments, whose state `folder` keeps. `measured` is
    evaluated every `evaluation_interval_epochs`; nothing is chosen by it. Targets are those of `rows`, (n, 7)."""
    transform = make_transform(rows.pixels)
    examples, eval_ = to_examples(rows.pixels, rows.class_indices, targets), to_examples(*measured[:2])
    digest = compute_data_digest([examples, eval_], transform)
    # Another precision or number of cores changes the last digits of sums, which training amplifies.
    where = (choose_policy(recipe.trainer.precision), len(os.sched_getaffinity(0)))
    code = compute_code_fingerprint("models.training", "models.networks")
    state = folder / hashlib.sha256(repr((to_json(recipe), digest, where, code)).encode()).hexdigest()[:16]
    return _fit(recipe, examples, eval_, transform, state)


def _fit(
    recipe: Recipe, examples: LabelledExamples, eval_: LabelledExamples, transform: Transform, state: Path
) -> Trained:
    network = build_seeded_network(recipe, len(DEFAULT_CLASS_NAMES))
    logs = str(state / "log")
    result = fit(network, examples, eval_, transform, recipe.trainer, checkpoint_dir=str(state), log_dir=logs)
    return Trained(network, transform, result.history, result.resumed_from_epoch)


def read_targets(recipe: Recipe, rows: Rows, folder: Path) -> npt.NDArray[np.float32]:
    """Probabilities, (n, 7), by the mean logits of four views, that an experiment of `recipe` gives its own `rows`.

    Its `folder` keeps them, or, if an earlier version made it, its last checkpoint. Raises DataError if it trained on
    other rows or nothing is kept.
    """
    if not (folder / OWN_FILE).exists():
        ended = [each.parent for each in folder.glob(f"*/*-{recipe.trainer.epochs}.index")]
        if len(ended) != 1:
            raise DataError(f"{folder}: has {len(ended)} finished trainings, expected one; repeat the experiment")
        transform, examples = make_transform(rows.pixels), to_examples(rows.pixels, rows.class_indices)
        predict_views(_fit(recipe, examples, examples, transform, ended[0]), rows).write(folder, OWN_FILE)
    own = read_view_logits(folder, OWN_FILE)
    if not np.array_equal(own.class_indices, rows.class_indices):
        raise DataError(f"{folder.name}: was trained on other rows than these; a teacher must have learned the same")
    targets: npt.NDArray[np.float32] = softmax(own.logits.mean(axis=0), axis=1)
    return targets


def make_transform(pixels: npt.NDArray[np.uint8]) -> Transform:
    """`models.preprocessing.preprocessing_fn` without Beam, fitted to `pixels`, uint8 (n, 48, 48): bytes of pictures,
    string (b,) -> float32 (b, 48, 48, 1), z-scored."""
    mean, deviation = pixels.mean() / 255.0, pixels.std() / 255.0

    def transform(raw: tf.Tensor) -> tf.Tensor:
        decoded = tf.reshape(tf.io.decode_raw(raw, tf.uint8), [-1, *IMAGE_SHAPE])
        return (tf.cast(decoded, tf.float32) / 255.0 - mean) / deviation

    return transform


def to_examples(
    pixels: npt.NDArray[np.uint8],
    class_indices: npt.NDArray[np.int64],
    targets: npt.NDArray[np.float32] | None = None,
) -> LabelledExamples:
    """Pictures, uint8 (n, ...), as the examples of a training."""
    column = tf.zeros([len(class_indices), len(DEFAULT_CLASS_NAMES)]) if targets is None else tf.constant(targets)
    return LabelledExamples(tf.constant([each.tobytes() for each in pixels]), tf.constant(class_indices), column)


def predict_views(trained: Trained, rows: Rows, count: int = max(VIEW_COUNTS)) -> "ViewLogits":
    """Answers to `count` views of each picture."""
    views = make_views(rows.pixels[..., np.newaxis], count)
    dataset = make_eval_dataset(to_examples(views, np.tile(rows.class_indices, count)), trained.transform)
    compute = tf.function(lambda images: trained.network(images, training=False), reduce_retracing=True)
    logits, _ = predict_logits(compute, dataset)
    return ViewLogits(logits.reshape(count, -1, len(DEFAULT_CLASS_NAMES)), rows.class_indices)


class ViewLogits(NamedTuple):
    """Logits of n pictures, view by view; the first view is the picture as it is."""

    logits: npt.NDArray[np.float32]  # (views, n, 7)
    class_indices: npt.NDArray[np.int64]  # (n,), the true classes

    def select(self, is_selected: npt.NDArray[np.bool_]) -> "ViewLogits":
        """Some of the pictures; `is_selected` is (n,)."""
        return ViewLogits(self.logits[:, is_selected], self.class_indices[is_selected])

    def describe(self) -> dict[str, Any]:
        """`n`, and the figures of `one_view` and of the mean logits of all, `four_views`."""
        views = {"one_view": self.logits[0], "four_views": self.logits.mean(axis=0)}
        figures = {name: describe_logits(logits, self.class_indices) for name, logits in views.items()}
        return {"n": len(self.class_indices), **figures}

    def write(self, folder: Path, name: str = _FILE) -> None:
        write_arrays(folder / name, **self._asdict())


def read_view_logits(folder: Path, name: str = _FILE) -> ViewLogits:
    """What `write` kept. Raises DataError if nothing is there."""
    try:
        with np.load(folder / name) as arrays:
            return ViewLogits(arrays["logits"], arrays["class_indices"])
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{folder / name}: no answers of an experiment: {error}; run the experiment first") from None


def average_networks(members: dict[str, ViewLogits]) -> ViewLogits:
    """Mean logits of several networks, by name, view by view. Raises DataError if they were judged by other rows."""
    first, *others = members
    classes = members[first].class_indices
    for name in others:
        if not np.array_equal(members[name].class_indices, classes):
            raise DataError(f"{name}: was judged by other rows than {first}; average networks judged by the same ones")
    return ViewLogits(np.mean([each.logits for each in members.values()], axis=0), classes)


def describe_logits(logits: npt.NDArray[np.float32], class_indices: npt.NDArray[np.int64]) -> dict[str, float]:
    """Figures of logits, float (n, 7); `nll_at_best`, in nats, is that of the `temperature` that minimises it here."""
    confusion = compute_confusion(class_indices, logits.argmax(axis=1), len(DEFAULT_CLASS_NAMES))
    temperature = fit_temperature(logits, class_indices)
    return {
        "accuracy": compute_accuracy(confusion),
        "macro_f1": compute_macro_f1(confusion),
        "nll": compute_nll(softmax(logits, axis=1), class_indices),
        "nll_at_best": compute_nll(softmax(logits / temperature, axis=1), class_indices),
        "temperature": temperature,
    }
