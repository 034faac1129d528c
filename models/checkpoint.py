"""The state of a run on disk, so that a killed run goes on where its last whole epoch ended.

Keras's `BackupAndRestore` won't do: it overwrites its only file in place and writes the epoch's number to a
second one, so a kill in between loses the run or repeats an epoch. `tf.train.CheckpointManager` points to a new
checkpoint only once that is complete, and takes bucket URIs.
"""

import json
import os
import time
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from zipfile import BadZipFile

import keras
import tensorflow as tf
from absl import logging

from models.averaging import WeightAverage
from models.history import History, format_history, parse_history
from models.weights import Weights, pack_weights, unpack_weights

_FINISHED_FILE, _RECORD_FILE, _WEIGHTS_FILE = "finished", "training.json", "weights.npz"
_DAY_S = 86_400.0
_LONGEST_AGE_S = 30 * _DAY_S
_KEPT_COUNT = 3


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


@dataclass(frozen=True)
class Finished:
    """What a training has come to. It is exported anew from here, without a step more, also by another machine."""

    record: dict[str, Any]
    """What the training told of itself; JSON."""
    weights: Weights


def keep_finished(directory: str, finished: Finished) -> None:
    """Put what a training has come to beside its state, which counts as finished from then on."""
    _write(directory, _WEIGHTS_FILE, pack_weights(finished.weights))
    _write(directory, _RECORD_FILE, (json.dumps(finished.record, indent=1) + "\n").encode())
    _write(directory, _FINISHED_FILE, b"")  # last: what was cut off before is not taken for whole


def find_finished(directory: str, *, alike: str) -> tuple[str, Finished] | None:
    """A finished training and its folder: `directory`, or the first beside it whose name matches; None: there is none.

    One whose files are damaged is passed over: the training is then done anew from its last state.

    Args:
        directory: of the training as this process would do it.
        alike: pattern of names, as a shell has it, that would do as well.
    """
    root, name = os.path.split(directory.rstrip("/"))
    for candidate in (name, *sorted(each for each in _list_folders(root) if fnmatchcase(each, alike))):
        folder: str = tf.io.gfile.join(root, candidate)
        # Earlier versions kept the mark alone.
        if all(tf.io.gfile.exists(tf.io.gfile.join(folder, each)) for each in (_FINISHED_FILE, _RECORD_FILE)):
            try:
                return folder, _read_finished(folder)
            except (tf.errors.OpError, ValueError, KeyError, EOFError, BadZipFile) as error:
                logging.warning("%s: can't be read, so the training goes on at its last state: %s", folder, error)
    return None


def _read_finished(directory: str) -> Finished:
    record, weights = (_read(directory, name) for name in (_RECORD_FILE, _WEIGHTS_FILE))
    return Finished(json.loads(record), unpack_weights(weights))


def clear_others(directory: str) -> None:
    """Remove the states beside `directory` that nothing will take up.

    Those of finished trainings go; one is enough for an export anew. Of those that were never finished the three
    written last stay for a retry, and all of the last day, since one may be at work; after 30 days they go as well.
    """
    root, name = os.path.split(directory.rstrip("/"))
    others = [tf.io.gfile.join(root, other) for other in _list_folders(root) if other != name]
    unfinished = []
    for folder in others:
        if tf.io.gfile.exists(tf.io.gfile.join(folder, _FINISHED_FILE)):
            _remove(folder)
        else:
            unfinished.append((time.time() - _find_last_change_s(folder), folder))
    for rank, (age_s, folder) in enumerate(sorted(unfinished)):
        if age_s > _LONGEST_AGE_S or (rank >= _KEPT_COUNT and age_s > _DAY_S):
            _remove(folder)


def _list_folders(root: str) -> list[str]:
    names = [each.rstrip("/") for each in tf.io.gfile.listdir(root)] if tf.io.gfile.isdir(root) else []
    return [name for name in names if tf.io.gfile.isdir(tf.io.gfile.join(root, name))]


def _find_last_change_s(folder: str) -> float:
    """Unix time at which the folder, or any file in it, was written last; now, where the file system doesn't tell."""
    files = [tf.io.gfile.join(place, name) for place, _, names in tf.io.gfile.walk(folder) for name in names]
    try:
        told_s = max(float(tf.io.gfile.stat(path).mtime_nsec) for path in (folder, *files)) / 1e9
        return told_s or time.time()
    except tf.errors.NotFoundError:  # somebody is at work there
        return time.time()


def _remove(folder: str) -> None:
    """Or leave it for the next time: what others do there must not cost a training that has ended."""
    try:
        tf.io.gfile.rmtree(folder)
    except tf.errors.OpError as error:
        logging.warning("%s: can't be removed: %s", folder, error)


def _write(directory: str, name: str, content: bytes) -> None:
    with tf.io.gfile.GFile(tf.io.gfile.join(directory, name), "wb") as file:
        file.write(content)


def _read(directory: str, name: str) -> bytes:
    with tf.io.gfile.GFile(tf.io.gfile.join(directory, name), "rb") as file:
        content: bytes = file.read()
    return content
