"""The state of a run on disk, so that a killed run goes on where its last whole epoch ended.

Keras's `BackupAndRestore` won't do: it overwrites its only file in place and writes the epoch's number to a
second one, so a kill in between loses the run or repeats an epoch. `tf.train.CheckpointManager` points to a new
checkpoint only once that is complete, and takes bucket URIs.
"""

import os

import keras
import tensorflow as tf

from models.averaging import WeightAverage
from models.history import History, format_history, parse_history

_FINISHED_FILE = "finished"


class TrainingCheckpoint:
    """Saves and restores network, optimiser, averaged weights and history.

    Args:
        directory: folder or bucket URI that belongs to this run alone.
        network: must be built.
        optimizer: must be built.
        average: of `network`.
    """

    def __init__(
        self, directory: str, network: keras.Model, optimizer: keras.optimizers.Optimizer, average: WeightAverage
    ) -> None:
        self._history = tf.Variable("[]", dtype=tf.string)
        self._checkpoint = tf.train.Checkpoint(
            network=[variable.value for variable in network.variables],
            optimizer=[variable.value for variable in optimizer.variables],
            average=average.variables,
            history=self._history,
        )
        # Two are kept, so the older one is there while the newer is written.
        self._manager = tf.train.CheckpointManager(self._checkpoint, directory, max_to_keep=2)

    def restore(self) -> History:
        """Restore the latest complete state and return the epochs it has behind it; none: change nothing."""
        if self._manager.latest_checkpoint:
            self._checkpoint.restore(self._manager.latest_checkpoint).assert_consumed()
        return parse_history(self._history.numpy().decode())

    def save(self, history: History) -> None:
        """Save the state after the last epoch of `history`."""
        self._history.assign(format_history(history))
        self._manager.save(checkpoint_number=len(history))


def keep_last_finished(directory: str) -> None:
    """Mark the run of `directory` as finished and remove the states of all others beside it that are."""
    root, name = os.path.split(directory.rstrip("/"))
    for other in tf.io.gfile.listdir(root):
        folder = tf.io.gfile.join(root, other.rstrip("/"))
        if other.rstrip("/") != name and tf.io.gfile.exists(tf.io.gfile.join(folder, _FINISHED_FILE)):
            tf.io.gfile.rmtree(folder)
    with tf.io.gfile.GFile(tf.io.gfile.join(directory, _FINISHED_FILE), "w") as file:
        file.write("")
