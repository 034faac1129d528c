"""`models.training.fit` for splits that are read anew in each epoch, by one worker or by several together."""

import tempfile
import time

import keras
import tensorflow as tf

from configs.spec import TrainerConfig
from models.averaging import WeightAverage
from models.callbacks import AverageUpdate, EpochRecord, LossGuard, ProgressReport
from models.checkpoint import TrainingCheckpoint
from models.dataset import Transform, make_eval_dataset
from models.evaluation import build_evaluation
from models.step_loop import run_epochs
from models.streaming import (
    Share,
    StreamedExamples,
    count_streamed_steps,
    make_sample_dataset,
    make_streamed_train_dataset,
)
from models.training import TrainResult, compile_network


def fit_streamed(
    network: keras.Model,
    train: StreamedExamples,
    eval_: StreamedExamples,
    transform: Transform,
    config: TrainerConfig,
    *,
    shuffle_rows: int,
    checkpoint_dir: str,
    log_dir: str,
) -> TrainResult:
    """Train `network`, as `models.training.fit` does; see there.

    Workers of a MultiWorkerMirroredStrategy call it alike, each with the same files, and hold the same weights
    afterwards. `checkpoint_dir` must be one that all of them can read; the first one writes it.

    Raises:
        DatasetError: there are fewer files than workers, or too few rows for a batch.
        TrainingError: the loss is no longer a number.
    """
    with tempfile.TemporaryDirectory(prefix="worker-") as scratch:
        return _fit(network, train, eval_, transform, config, shuffle_rows, checkpoint_dir, log_dir, scratch)


def _fit(
    network: keras.Model,
    train: StreamedExamples,
    eval_: StreamedExamples,
    transform: Transform,
    config: TrainerConfig,
    shuffle_rows: int,
    checkpoint_dir: str,
    log_dir: str,
    scratch: str,
) -> TrainResult:
    """`scratch` is a local folder for what nobody will read."""
    started_s = time.monotonic()
    share = find_share(network.distribute_strategy)
    steps = count_streamed_steps(train, config.batch_size, share.count)
    compile_network(network, config, steps)
    average = WeightAverage(network, config.ema_momentum)
    checkpoint = TrainingCheckpoint(checkpoint_dir, network, network.optimizer, average)
    calibration_images = make_sample_dataset(train, transform, config.batch_size)
    done = checkpoint.restore()
    if share.index:  # others only read the state: one writer for each place
        checkpoint, log_dir = TrainingCheckpoint(scratch, network, network.optimizer, average), scratch
    evaluate = build_evaluation(network, make_eval_dataset(eval_, transform))

    def evaluate_average() -> tuple[float, float]:
        with average.applied(calibration_images):
            return evaluate()

    def is_measured(epoch: int) -> bool:
        return epoch % config.evaluation_interval_epochs == 0 or epoch == config.epochs

    record = EpochRecord(evaluate_average, is_measured, checkpoint, log_dir, done)
    if len(done) < config.epochs:
        dataset = make_streamed_train_dataset(train, transform, config, shuffle_rows, len(done), share)
        run_epochs(
            network,
            _hand_out(dataset, network.distribute_strategy, share),
            [LossGuard(), AverageUpdate(average), record, ProgressReport(config.epochs * steps)],
            initial_epoch=len(done),
            epochs=config.epochs,
            steps_per_epoch=steps,
        )
    average.apply(calibration_images)
    return TrainResult(record.history, len(record.history) - len(done), len(done), time.monotonic() - started_s)


def find_share(strategy: tf.distribute.Strategy) -> Share:
    """Which worker of a MultiWorkerMirroredStrategy this process is; the only one of any other strategy."""
    resolver = strategy.cluster_resolver
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy) or not resolver.cluster_spec():
        return Share()
    workers = resolver.cluster_spec().as_dict()
    chiefs = len(workers.get("chief", []))
    is_chief = resolver.task_type in ("chief", None)
    return Share(0 if is_chief else chiefs + resolver.task_id, chiefs + len(workers.get("worker", [])))


def _hand_out(
    dataset: tf.data.Dataset, strategy: tf.distribute.Strategy, share: Share
) -> tf.distribute.DistributedDataset:
    """Several workers have read batches of their own; the devices of one machine share each batch out."""
    if share.count > 1:
        return strategy.distribute_datasets_from_function(lambda _: dataset)
    return strategy.experimental_distribute_dataset(dataset)
