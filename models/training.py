"""The recipe: how a network is trained on two splits. No TFX here."""

import time
from dataclasses import dataclass

import keras
import tensorflow as tf

from configs.spec import TrainerConfig
from fer_tfx.contract import CLASS_COUNT
from models.averaging import WeightAverage
from models.callbacks import AverageUpdate, EpochRecord, LossGuard, ProgressReport
from models.checkpoint import TrainingCheckpoint
from models.dataset import (
    Examples,
    LabelledExamples,
    Transform,
    count_steps_per_epoch,
    make_eval_dataset,
    make_train_dataset,
)
from models.evaluation import build_evaluation
from models.history import History
from models.schedule import build_schedule

_CALIBRATION_EXAMPLE_COUNT = 2048  # enough for statistics of 24 x 24 values each; 1 s on a CPU


@dataclass(frozen=True)
class TrainResult:
    """What `fit` did."""

    history: History
    """All epochs of the run, those before a resume included."""
    epochs_run: int
    """Epochs that this call ran."""
    resumed_from_epoch: int
    """Epochs that a checkpoint had behind it; 0: the run started afresh."""
    seconds: float
    """Wall time of this call."""


def fit(
    network: keras.Model,
    train: LabelledExamples,
    eval_: Examples,
    transform: Transform,
    config: TrainerConfig,
    *,
    checkpoint_dir: str,
    log_dir: str,
) -> TrainResult:
    """Train `network`; afterwards it holds the averaged weights, with batch-norm statistics that fit them.

    The same seed, network and examples give the same result bit for bit on the same processor with the same number of
    threads (`models.computation.use_threads`), whatever else the machine does; with another number of threads results
    differ from the first step on. A run that is killed and called again with the same `checkpoint_dir` goes on to the
    same result. Initial weights and dropout come from Keras's seed: call
    `keras.utils.set_random_seed` before the network is built.

    Args:
        network: images -> logits, built within the scope of the strategy that is to train it.
        train: the split to learn from.
        eval_: the split that each epoch is measured on; nothing is chosen by it.
        transform: raw pictures -> images.
        config: the recipe.
        checkpoint_dir: folder or bucket URI of this run's state; the caller removes it when all is done.
        log_dir: folder or bucket URI of TensorBoard's files.

    Raises:
        TrainingError: the loss is no longer a number.
    """
    started_s = time.monotonic()
    steps_per_epoch = count_steps_per_epoch(len(train), config.batch_size)
    compile_network(network, config, steps_per_epoch)
    average = WeightAverage(network, config.ema_momentum)
    checkpoint = TrainingCheckpoint(checkpoint_dir, network, network.optimizer, average)
    calibration_images = _make_calibration_images(train, transform, config.batch_size)
    done = checkpoint.restore()
    evaluate = build_evaluation(network, make_eval_dataset(eval_, transform))

    def evaluate_average() -> tuple[float, float]:
        with average.applied(calibration_images):
            return evaluate()

    def is_measured(epoch: int) -> bool:
        return epoch % config.evaluation_interval_epochs == 0 or epoch == config.epochs

    record = EpochRecord(evaluate_average, is_measured, checkpoint, log_dir, done)
    if len(done) < config.epochs:
        network.fit(
            make_train_dataset(train, transform, config, start_epoch=len(done)),
            initial_epoch=len(done),
            epochs=config.epochs,
            steps_per_epoch=steps_per_epoch,
            callbacks=[LossGuard(), AverageUpdate(average), record, ProgressReport(config.epochs * steps_per_epoch)],
            verbose=0,
        )
    average.apply(calibration_images)
    seconds = time.monotonic() - started_s
    return TrainResult(record.history, len(record.history) - len(done), len(done), seconds)


def compile_network(network: keras.Model, config: TrainerConfig, steps_per_epoch: int) -> None:
    """Give `network` optimiser and loss of the recipe."""
    with network.distribute_strategy.scope():
        optimizer = _build_optimizer(network, config, steps_per_epoch)
        optimizer.build(network.trainable_variables)
        network.compile(
            optimizer,
            loss=_build_loss(config.label_smoothing),
            metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
            jit_compile=False,  # XLA on CPU only adds a long compilation
        )


def _build_optimizer(network: keras.Model, config: TrainerConfig, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """SGD with Nesterov momentum (Sutskever et al. 2013).

    `weight_decay` means the L2 penalty of the usual recipes. Keras decays weights beside the gradient
    (Loshchilov and Hutter 2017), where momentum doesn't amplify it 1 / (1 - momentum) times, so that factor is
    put in here. Biases and the scales and offsets of batch normalisation, all of rank 1, are not decayed.
    """
    optimizer = keras.optimizers.SGD(
        learning_rate=build_schedule(config, steps_per_epoch),
        momentum=config.momentum,
        nesterov=config.momentum > 0,
        weight_decay=config.weight_decay / (1 - config.momentum),
    )
    optimizer.exclude_from_weight_decay(var_list=[v for v in network.trainable_variables if len(v.shape) < 2])
    return optimizer


def _build_loss(label_smoothing: float) -> keras.losses.Loss:
    """Mean cross entropy of logits against class indices, with smoothed targets (Szegedy et al. 2015)."""

    def compute_loss(class_indices: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        targets = tf.one_hot(tf.cast(tf.reshape(class_indices, [-1]), tf.int32), CLASS_COUNT)
        return keras.losses.categorical_crossentropy(targets, logits, from_logits=True, label_smoothing=label_smoothing)

    return compute_loss


def _make_calibration_images(train: LabelledExamples, transform: Transform, batch_size: int) -> tf.data.Dataset:
    """Batches of pictures spread evenly over the train split, without augmentation, as they are when served."""
    stride = max(1, len(train) // _CALIBRATION_EXAMPLE_COUNT)
    pixels, _ = train.take(tf.range(0, len(train), stride))
    size = min(batch_size, len(train), int(pixels.shape[0]))
    return tf.data.Dataset.from_tensor_slices(pixels).batch(size, drop_remainder=True).map(transform).prefetch(1)
