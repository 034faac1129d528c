"""What happens between the steps and epochs of training."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import keras
import tensorflow as tf

from configs.progress import report_progress
from fer_tfx.errors import FerError
from models.averaging import WeightAverage
from models.checkpoint import TrainingCheckpoint
from models.history import EpochMetrics, History

_REPORT_INTERVAL_S = 1.0


class TrainingError(FerError):
    """Training can't go on."""


class LossGuard(keras.callbacks.Callback):  # type: ignore[misc]
    """Stops a run whose loss is no longer a number.

    Raises:
        TrainingError: within one step of it.
    """

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        loss = float((logs or {})["loss"])
        if not math.isfinite(loss):
            step = int(self.model.optimizer.iterations.numpy())
            raise TrainingError(f"loss is {loss} at step {step}: lower trainer.peak_learning_rate and run again")


class AverageUpdate(keras.callbacks.Callback):  # type: ignore[misc]
    """Updates the averaged weights after each step."""

    def __init__(self, average: WeightAverage) -> None:
        super().__init__()
        self._average = average

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._average.update(self.model.optimizer.iterations.value)


class ProgressReport(keras.callbacks.Callback):  # type: ignore[misc]
    """Reports the steps done, about once a second.

    Args:
        total_steps: steps of the whole run, those before a resume included.
        read_clock_s: a clock in seconds.
    """

    def __init__(self, total_steps: int, read_clock_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._total_steps = total_steps
        self._read_clock_s = read_clock_s
        self._reported_at_s = -math.inf
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch + 1

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        now_s = self._read_clock_s()
        if now_s - self._reported_at_s >= _REPORT_INTERVAL_S:
            self._reported_at_s = now_s
            self._report(f"epoch {self._epoch}, loss {float((logs or {})['loss']):.2f}")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        accuracy = (logs or {})["eval_accuracy"]
        measured = "" if accuracy is None else f", eval accuracy {accuracy:.3f}"
        self._report(f"epoch {self._epoch} finished{measured}")

    def _report(self, text: str) -> None:
        report_progress(int(self.model.optimizer.iterations.numpy()), self._total_steps, text)


class EpochRecord(keras.callbacks.Callback):  # type: ignore[misc]
    """Ends each epoch: evaluates, keeps the figures and saves the state.

    Put it first: it adds `eval_loss` and `eval_accuracy` to the logs that later callbacks see, None where an epoch
    is not measured.

    Args:
        evaluate: computes (loss in nats, accuracy 0-1) on the eval split.
        is_measured: whether an epoch, from 1, is measured.
        checkpoint: where the state is saved.
        log_dir: folder or bucket URI of TensorBoard's files.
        history: the epochs before a resume.
        read_clock_s: a clock in seconds.
    """

    def __init__(
        self,
        evaluate: Callable[[], tuple[float, float]],
        is_measured: Callable[[int], bool],
        checkpoint: TrainingCheckpoint,
        log_dir: str,
        history: History,
        read_clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._evaluate = evaluate
        self._is_measured = is_measured
        self._checkpoint = checkpoint
        self._writer = tf.summary.create_file_writer(log_dir)
        self._read_clock_s = read_clock_s
        self._started_at_s = read_clock_s()
        self.history = history
        """All epochs so far."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._started_at_s = self._read_clock_s()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        logs = {} if logs is None else logs
        is_measured = self._is_measured(epoch + 1)
        logs["eval_loss"], logs["eval_accuracy"] = self._evaluate() if is_measured else (None, None)
        metrics = EpochMetrics(
            epoch=epoch + 1,
            loss=float(logs["loss"]),
            accuracy=float(logs["accuracy"]),
            eval_loss=logs["eval_loss"],
            eval_accuracy=logs["eval_accuracy"],
            learning_rate=float(self.model.optimizer.learning_rate),
            seconds=round(self._read_clock_s() - self._started_at_s, 3),
        )
        self._write_summaries(metrics)
        self.history = (*self.history, metrics)
        self._checkpoint.save(self.history)

    def _write_summaries(self, metrics: EpochMetrics) -> None:
        with self._writer.as_default(step=metrics.epoch):
            for name, value in asdict(metrics).items():
                if name != "epoch" and value is not None:
                    tf.summary.scalar(name, value)
        self._writer.flush()
