"""The loop over epochs and steps: trains a network by the recipe, measures, saves and reports. No TFX here."""

import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import NamedTuple, Protocol

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from configs.progress import EpochMetrics, report_progress
from configs.spec import TrainerConfig
from fer_tfx.counted import counted
from fer_tfx.errors import ConfigError, FerError
from models.checkpoint import History, TrainingCheckpoint
from models.computation import Share, find_share
from models.dataset import Examples, Transform, count_pictures, make_eval_dataset, make_image_dataset
from models.recipe import WeightAverage, compile_network

_REPORT_INTERVAL_S = 1.0
_GLANCE_COUNT = 512  # pictures that calibrate batch normalisation for an evaluation before the last


class TrainingError(FerError):
    """Training can't go on."""


class TrainExamples(Protocol):
    """The train split, held in memory (`models.dataset`) or read anew in each epoch (`models.streaming`)."""

    def __len__(self) -> int:
        """Rows of the split."""

    def count_steps(self, batch_size: int, worker_count: int) -> int:
        """Training steps per epoch. Raises DatasetError: fewer files than workers, or too few rows for a batch."""

    def make_train_dataset(
        self, transform: Transform, config: TrainerConfig, start_epoch: int, share: Share
    ) -> tf.data.Dataset:
        """Shuffled, augmented batches of one worker, a function of seed, epoch, step and worker.

        Elements are images, float32 (b, size, size, 1), and distributions over the classes, float32 (b, classes).
        """

    @property
    def sample(self) -> tf.Tensor | list[bytes]:
        """Some 2,000 raw pictures from all over the split, string (n,), to calibrate batch normalisation with."""


class TrainResult(NamedTuple):
    """What `fit` did."""

    history: History
    resumed_from_epoch: int  # epochs of the history that an earlier process trained


def fit(
    network: keras.Model,
    train: TrainExamples,
    eval_: Examples,
    transform: Transform,
    config: TrainerConfig,
    *,
    checkpoint_dir: str,
    log_dir: str,
) -> TrainResult:
    """Train `network`; afterwards it holds the averaged weights, with batch-norm statistics that fit them.

    The same seed, network and examples give the same result bit for bit on the same processor with the same number of
    threads, also if the run is killed and called again with the same `checkpoint_dir`. Dropout takes Keras's seed.

    Workers of a MultiWorkerMirroredStrategy, in whose scope `network` was built, call it alike and end with the same
    weights; the first one writes `checkpoint_dir`. It and `log_dir`, for TensorBoard, are folders or bucket URIs.

    Raises DatasetError (see `count_steps`), ConfigError (a device can't hold both views) and TrainingError (loss is NaN
    or infinite).
    """
    share = find_share(network.distribute_strategy)
    if config.consistency_weight and share.count == 1:
        _require_whole_pairs(len(train), config, network.distribute_strategy.num_replicas_in_sync)
    steps = train.count_steps(config.batch_size, share.count)
    compile_network(network, config, steps)
    average = WeightAverage(network, config.ema_momentum)
    sample = make_image_dataset(train.sample, transform, config.batch_size)
    glance = sample.take(math.ceil(_GLANCE_COUNT / config.batch_size))
    checkpoint = TrainingCheckpoint(checkpoint_dir, network, network.optimizer, average)
    history = done = checkpoint.restore()
    compute_logits = tf.function(lambda images: network(images, training=False), reduce_retracing=True)
    eval_dataset = make_eval_dataset(eval_, transform)
    reported_at_s = -math.inf
    with tempfile.TemporaryDirectory(prefix="worker-") as scratch:
        if share.index:  # the first worker alone writes the state; nobody reads what the others write
            checkpoint, log_dir = TrainingCheckpoint(scratch, network, network.optimizer, average), scratch
        writer = tf.summary.create_file_writer(log_dir)
        if len(done) < config.epochs:
            take_step = _build_step(network, average, train.make_train_dataset(transform, config, len(done), share))
        for epoch in range(len(done) + 1, config.epochs + 1):
            epoch_started_s = time.monotonic()
            network.reset_metrics()
            for step in range((epoch - 1) * steps + 1, epoch * steps + 1):
                loss, accuracy = take_step()
                if not math.isfinite(loss):
                    raise TrainingError(
                        f"loss is {loss} at step {step}: lower trainer.peak_learning_rate and run again"
                    )
                if time.monotonic() - reported_at_s >= _REPORT_INTERVAL_S:
                    reported_at_s = time.monotonic()
                    report_progress(step, config.epochs * steps, f"epoch {epoch}, loss {loss:.2f}")
            eval_loss, eval_accuracy = None, None
            if epoch == config.epochs:
                average.apply(sample)
                eval_loss, eval_accuracy = evaluate(compute_logits, eval_dataset)
            elif epoch % config.evaluation_interval_epochs == 0:
                with average.applied(glance):
                    eval_loss, eval_accuracy = evaluate(compute_logits, eval_dataset)
            rate, seconds = float(network.optimizer.learning_rate), round(time.monotonic() - epoch_started_s, 3)
            metrics = EpochMetrics(epoch, loss, accuracy, eval_loss, eval_accuracy, rate, seconds)
            history = (*history, metrics)
            with writer.as_default(step=epoch):
                for name, value in asdict(metrics).items():
                    if name != "epoch" and value is not None:
                        tf.summary.scalar(name, value)
            writer.flush()
            checkpoint.save(history)
            measured = "" if eval_accuracy is None else f", eval accuracy {eval_accuracy:.3f}"
            report_progress(epoch * steps, config.epochs * steps, f"epoch {epoch} finished{measured}")
    if len(done) == config.epochs:
        average.apply(sample)
    return TrainResult(history, len(done))


def _require_whole_pairs(rows: int, config: TrainerConfig, devices: int) -> None:
    """Raise ConfigError if the devices can't share a batch out without parting the views of a picture."""
    if count_pictures(min(config.batch_size, rows), config) % devices:
        most = f", at most the {counted(rows, 'row')} to train on" if rows < config.batch_size else ""
        expected = f"a multiple of {2 * devices}{most}, so that both views of a picture are on one device"
        raise ConfigError(f"trainer.batch_size: expected {expected}, got {config.batch_size}")


def _build_step(
    network: keras.Model, average: WeightAverage, dataset: tf.data.Dataset
) -> Callable[[], tuple[float, float]]:
    """Take the next step and return loss and accuracy of the epoch so far; Keras 3.15's `fit` fails with workers."""
    strategy = network.distribute_strategy
    if find_share(strategy).count > 1:  # workers have batches of their own; devices of one machine share each out
        batches = iter(strategy.distribute_datasets_from_function(lambda _: dataset))
    else:
        batches = iter(strategy.experimental_distribute_dataset(dataset))

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def train_on_next(batches: tf.distribute.DistributedIterator) -> dict[str, tf.Tensor]:
        strategy.run(network.train_step, args=(next(batches),))
        average.update(network.optimizer.iterations.value)
        return network.get_metrics_result()  # type: ignore[no-any-return]

    def take_step() -> tuple[float, float]:
        metrics = train_on_next(batches)
        return float(metrics["loss"]), float(metrics["accuracy"])

    return take_step


def evaluate(compute_logits: Callable[[tf.Tensor], tf.Tensor], dataset: tf.data.Dataset) -> tuple[float, float]:
    """Cross entropy, in nats, and accuracy, 0-1."""
    logits, class_indices = predict_logits(compute_logits, dataset)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(class_indices, logits).numpy()
    return float(losses.mean()), float((logits.argmax(axis=1) == class_indices).mean())


def predict_logits(
    compute_logits: Callable[[tf.Tensor], tf.Tensor], dataset: tf.data.Dataset
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Logits, float32 (n, classes), and class indices, int64 (n,), of a dataset of (images float32 (b, 48, 48, 1),
    class indices)."""
    batches = [(compute_logits(images).numpy(), class_indices.numpy()) for images, class_indices in dataset]
    logits, class_indices = zip(*batches, strict=True)
    return np.concatenate(logits), np.concatenate(class_indices)
