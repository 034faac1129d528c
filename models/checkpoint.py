"""The state of a run on disk, so that a killed run resumes after its last whole epoch; places may be bucket URIs."""

import io
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict
from fnmatch import fnmatchcase
from typing import Any, NamedTuple
from zipfile import BadZipFile

import keras
import numpy as np
import tensorflow as tf
from absl import logging
from numpy.typing import NDArray

from configs.progress import EpochMetrics
from models.recipe import WeightAverage

_FINISHED_FILE, _RECORD_FILE, _WEIGHTS_FILE = "finished", "training.json", "weights.npz"
_LIST_FILE = "checkpoint"  # by TensorFlow
_DAY_S = 86_400.0
_LONGEST_AGE_S = 30 * _DAY_S
_KEPT_COUNT = 3

History = tuple[EpochMetrics, ...]
Weights = tuple[NDArray[np.float32], ...]  # in the order of a network's `weights`


class TrainingCheckpoint:
    """Saves and restores network, optimiser, averaged weights (all built) and history in `directory`, of this run."""

    def __init__(
        self, directory: str, network: keras.Model, optimizer: keras.optimizers.Optimizer, average: WeightAverage
    ) -> None:
        self._history = tf.Variable("[]", dtype=tf.string)
        self._variables = [
            *(variable.value for variable in (*network.variables, *optimizer.variables)), *average.variables,
            self._history,
        ]  # fmt: skip
        self._checkpoint = tf.train.Checkpoint(
            network=[variable.value for variable in network.variables],
            optimizer=[variable.value for variable in optimizer.variables],
            average=average.variables,
            history=self._history,
        )
        # Keras's `BackupAndRestore` overwrites its only file in place; here the older stays until the newer is whole.
        try:
            self._manager = tf.train.CheckpointManager(self._checkpoint, directory, max_to_keep=2)
        except UnicodeDecodeError as error:  # of the list of states; of other damage TensorFlow itself makes a warning
            logging.warning("%s: the list of states in it can't be read: %s", directory, error)
            tf.io.gfile.remove(tf.io.gfile.join(directory, _LIST_FILE))
            self._manager = tf.train.CheckpointManager(self._checkpoint, directory, max_to_keep=2)

    def restore(self) -> History:
        """Restore the latest complete state that can be read, if there is one, and return its epochs."""
        states = self._manager.checkpoints
        # Half of a damaged state may have been restored before the error.
        initial = [variable.numpy() for variable in self._variables] if states else []
        for state in reversed(states):
            try:
                self._checkpoint.restore(state).assert_consumed()
                history = self._read_history()
            except (tf.errors.OpError, AssertionError, LookupError, RuntimeError, ValueError) as error:
                logging.warning("%s: can't be read, so the training goes on from an earlier state: %s", state, error)
            else:
                logging.info("The training goes on after epoch %d, from %s", len(history), state)
                return history
        for variable, value in zip(self._variables, initial, strict=False):
            variable.assign(value)
        logging.info("The training begins anew: there is no earlier state of it that can be read")
        return ()

    def _read_history(self) -> History:
        return tuple(EpochMetrics(**metrics) for metrics in json.loads(self._history.numpy()))

    def save(self, history: History) -> None:
        """Save the state after the last epoch of `history`."""
        self._history.assign(json.dumps([asdict(metrics) for metrics in history]))
        self._manager.save(checkpoint_number=len(history))


def pack_weights(weights: Sequence[NDArray[np.float32]]) -> bytes:
    """The content of a file for them: data that nothing unpickles."""
    buffer = io.BytesIO()
    np.savez(buffer, *weights)
    return buffer.getvalue()


def unpack_weights(content: bytes) -> Weights:
    """The inverse of `pack_weights`."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return tuple(archive[f"arr_{index}"] for index in range(len(archive.files)))


class Finished(NamedTuple):
    """The outcome of a training, from which any machine can export it again."""

    record: dict[str, Any]  # JSON: `models.trainer_fn.describe_training`
    weights: Weights


def keep_finished(directory: str, finished: Finished) -> None:
    """Put the outcome of a training beside its state, which counts as finished from then on."""
    record = json.dumps(finished.record, indent=1) + "\n"
    # The mark comes last, so that an interrupted write isn't taken for a whole one.
    contents = {_WEIGHTS_FILE: pack_weights(finished.weights), _RECORD_FILE: record, _FINISHED_FILE: ""}
    for name, content in contents.items():
        tf.io.write_file(tf.io.gfile.join(directory, name), content)


def find_finished(directory: str, *, alike: str) -> tuple[str, Finished] | None:
    """A finished training and its folder: `directory`, or the first beside it that matches the shell pattern `alike`.

    One whose files are damaged is skipped: the training is then repeated from its last state.
    """
    root, name = os.path.split(directory.rstrip("/"))
    for candidate in (name, *sorted(each for each in _list_folders(root) if fnmatchcase(each, alike))):
        folder: str = tf.io.gfile.join(root, candidate)
        if tf.io.gfile.exists(tf.io.gfile.join(folder, _FINISHED_FILE)):
            try:
                paths = (tf.io.gfile.join(folder, each) for each in (_RECORD_FILE, _WEIGHTS_FILE))
                record, weights = (tf.io.read_file(path).numpy() for path in paths)
                return folder, Finished(json.loads(record), unpack_weights(weights))
            except (tf.errors.OpError, ValueError, KeyError, EOFError, BadZipFile) as error:
                logging.warning("%s: can't be read, so the training resumes from its last state: %s", folder, error)
    return None


def clear_others(directory: str) -> None:
    """Remove the states beside `directory` that nothing will use.

    Those of finished trainings go: one is enough to export again. Of the unfinished ones the last three stay for a
    retry, and all of the last day, since one may be in use; after 30 days they go as well.
    """
    root, name = os.path.split(directory.rstrip("/"))
    others = [tf.io.gfile.join(root, other) for other in _list_folders(root) if other != name]
    finished = [folder for folder in others if tf.io.gfile.exists(tf.io.gfile.join(folder, _FINISHED_FILE))]
    ages = sorted((time.time() - _find_last_change_s(folder), folder) for folder in others if folder not in finished)
    most_s = [_LONGEST_AGE_S] * _KEPT_COUNT + [_DAY_S] * len(ages)
    expired = [folder for (age_s, folder), limit_s in zip(ages, most_s, strict=False) if age_s > limit_s]
    for folder in [*finished, *expired]:
        try:
            tf.io.gfile.rmtree(folder)
        except tf.errors.OpError as error:  # what others do there must not cost a finished training
            logging.warning("%s: can't be removed: %s", folder, error)


def _list_folders(root: str) -> list[str]:
    names = [each.rstrip("/") for each in tf.io.gfile.listdir(root)] if tf.io.gfile.isdir(root) else []
    return [name for name in names if tf.io.gfile.isdir(tf.io.gfile.join(root, name))]


def _find_last_change_s(folder: str) -> float:
    """Unix time of the last change of the folder or any file in it; now, where the file system doesn't tell."""
    files = [tf.io.gfile.join(place, name) for place, _, names in tf.io.gfile.walk(folder) for name in names]
    try:
        changed_s = max(float(tf.io.gfile.stat(path).mtime_nsec) for path in (folder, *files)) / 1e9
        return changed_s or time.time()
    except tf.errors.NotFoundError:  # another process is at work there
        return time.time()
