from pathlib import Path

import keras
import numpy as np
from model_doubles import TINY_MODEL

from models.averaging import WeightAverage
from models.checkpoint import TrainingCheckpoint, keep_last_finished
from models.history import EpochMetrics, format_history, parse_history
from models.network import build_network

FIRST = EpochMetrics(1, 2.0, 0.1, 1.9, 0.2, 0.1, 9.5)
SECOND = EpochMetrics(2, 1.5, 0.3, 1.4, 0.4, 0.05, 9.5)
THIRD = EpochMetrics(3, 1.2, 0.5, 1.1, 0.6, 0.0, 9.5)


def build_checkpoint(folder: Path) -> tuple[TrainingCheckpoint, keras.Model]:
    network = build_network(TINY_MODEL)
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    optimizer.build(network.trainable_variables)
    return TrainingCheckpoint(str(folder), network, optimizer, WeightAverage(network, 0.9)), network


def test_parse_history_returns_what_was_formatted():
    assert parse_history(format_history([FIRST, SECOND])) == (FIRST, SECOND)


def test_restore_empty_folder_returns_no_history_and_keeps_weights(tmp_path):
    checkpoint, network = build_checkpoint(tmp_path)
    before = network.get_weights()
    assert checkpoint.restore() == ()
    for weight, expected in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_restore_other_network_takes_over_the_saved_weights(tmp_path):
    checkpoint, network = build_checkpoint(tmp_path)
    checkpoint.save((FIRST,))
    restored, other = build_checkpoint(tmp_path)
    assert restored.restore() == (FIRST,)
    for weight, expected in zip(other.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_restore_next_checkpoint_half_written_returns_the_last_whole_one(tmp_path):
    checkpoint, _ = build_checkpoint(tmp_path)
    checkpoint.save((FIRST,))
    checkpoint.save((FIRST, SECOND))
    (tmp_path / "ckpt-3.data-00000-of-00001").write_bytes(b"half")
    (tmp_path / "ckpt-3.index").write_bytes(b"half")
    restored, _ = build_checkpoint(tmp_path)
    assert restored.restore() == (FIRST, SECOND)
    restored.save((FIRST, SECOND, THIRD))
    assert build_checkpoint(tmp_path)[0].restore() == (FIRST, SECOND, THIRD)


def test_save_three_epochs_keeps_two_checkpoints(tmp_path):
    checkpoint, _ = build_checkpoint(tmp_path)
    for history in [(FIRST,), (FIRST, SECOND), (FIRST, SECOND, THIRD)]:
        checkpoint.save(history)
    assert sorted(path.name for path in tmp_path.glob("*.index")) == ["ckpt-2.index", "ckpt-3.index"]


def test_keep_last_finished_removes_other_finished_runs_and_no_interrupted_one(tmp_path):
    for name in ("older", "interrupted", "newest"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "checkpoint").touch()
    keep_last_finished(str(tmp_path / "older"))
    keep_last_finished(str(tmp_path / "newest"))
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["interrupted", "newest"]
    keep_last_finished(str(tmp_path / "newest"))
    assert (tmp_path / "newest" / "checkpoint").exists()
