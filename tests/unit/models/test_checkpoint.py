import os
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from model_doubles import TINY_MODEL

from configs.progress import EpochMetrics
from models.checkpoint import Finished, TrainingCheckpoint, clear_others, find_finished, keep_finished
from models.networks import build_network
from models.recipe import WeightAverage

FIRST = EpochMetrics(1, 2.0, 0.1, 1.9, 0.2, 0.1, 9.5)
SECOND = EpochMetrics(2, 1.5, 0.3, 1.4, 0.4, 0.05, 9.5)
THIRD = EpochMetrics(3, 1.2, 0.5, 1.1, 0.6, 0.0, 9.5)


def build_checkpoint(folder: Path) -> tuple[TrainingCheckpoint, keras.Model]:
    network = build_network(TINY_MODEL, 7)
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    optimizer.build(network.trainable_variables)
    return TrainingCheckpoint(str(folder), network, optimizer, WeightAverage(network, 0.9)), network


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


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("ckpt-2.index", b"cut", (FIRST,)),
        ("ckpt-2.data-00000-of-00001", b"cut", (FIRST,)),
        ("ckpt-2.data-00000-of-00001", None, (FIRST,)),
        ("checkpoint", b"\xff\x00", ()),
        ("checkpoint", b"cut", ()),
    ],
)
def test_restore_damaged_file_returns_what_is_left_and_training_can_be_saved_again(tmp_path, name, content, expected):
    checkpoint, _ = build_checkpoint(tmp_path)
    checkpoint.save((FIRST,))
    checkpoint.save((FIRST, SECOND))
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    restored, network = build_checkpoint(tmp_path)
    before = network.get_weights()
    assert restored.restore() == expected
    if not expected:
        for weight, same in zip(network.get_weights(), before, strict=True):
            np.testing.assert_array_equal(weight, same)
    restored.save((FIRST, SECOND))
    assert build_checkpoint(tmp_path)[0].restore() == (FIRST, SECOND)


def test_save_three_epochs_keeps_two_checkpoints(tmp_path):
    checkpoint, _ = build_checkpoint(tmp_path)
    for history in [(FIRST,), (FIRST, SECOND), (FIRST, SECOND, THIRD)]:
        checkpoint.save(history)
    assert sorted(path.name for path in tmp_path.glob("*.index")) == ["ckpt-2.index", "ckpt-3.index"]


RECORD = Finished({"precision": "float32"}, (np.arange(3, dtype=np.float32),))


def make_state(folder: Path, age_days: float = 0.0, *, finished: bool = False) -> str:
    """A state whose files were last written so long ago, as a search has them: some lie deeper."""
    (folder / "trial").mkdir(parents=True)
    (folder / "trial" / "checkpoint").touch()
    if finished:
        keep_finished(str(folder), RECORD)
    at_s = time.time() - age_days * 86_400
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (at_s, at_s))
    return str(folder)


def names_in(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_clear_others_removes_other_finished_trainings_and_no_interrupted_one(tmp_path):
    for name in ("older", "newest"):
        make_state(tmp_path / name, finished=True)
    make_state(tmp_path / "interrupted")
    clear_others(str(tmp_path / "newest"))
    assert names_in(tmp_path) == ["interrupted", "newest"]
    assert (tmp_path / "newest" / "trial" / "checkpoint").exists()


def test_clear_others_keeps_the_three_last_unfinished_and_all_of_the_last_day(tmp_path):
    make_state(tmp_path / "own", 99)
    for age in (2, 5, 9, 20):
        make_state(tmp_path / f"{age} days", age)
    clear_others(str(tmp_path / "own"))
    assert names_in(tmp_path) == ["2 days", "5 days", "9 days", "own"]
    for number in range(4):
        make_state(tmp_path / f"today {number}", 0.5)
    clear_others(str(tmp_path / "own"))
    assert names_in(tmp_path) == ["own", "today 0", "today 1", "today 2", "today 3"]


def test_clear_others_removes_what_was_left_a_month_ago(tmp_path):
    make_state(tmp_path / "29 days", 29)
    make_state(tmp_path / "31 days", 31)
    make_state(tmp_path / "empty")
    clear_others(make_state(tmp_path / "own"))
    assert names_in(tmp_path) == ["29 days", "empty", "own"]


def test_clear_others_state_that_is_written_to_counts_as_new_whatever_its_folder_says(tmp_path):
    make_state(tmp_path / "long search", 40)
    os.utime(tmp_path / "long search" / "trial" / "checkpoint")
    clear_others(make_state(tmp_path / "own"))
    assert names_in(tmp_path) == ["long search", "own"]


def test_clear_others_folder_that_can_not_be_removed_costs_nothing(tmp_path, monkeypatch):
    """As one that another process empties meanwhile."""

    def refuse(path: str) -> None:
        raise tf.errors.NotFoundError(None, None, path)

    for name in ("older", "own"):
        make_state(tmp_path / name, finished=True)
    monkeypatch.setattr(tf.io.gfile, "rmtree", refuse)
    clear_others(str(tmp_path / "own"))
    assert names_in(tmp_path) == ["older", "own"]


def test_clear_others_file_that_vanishes_tells_of_somebody_at_work(tmp_path, monkeypatch):
    make_state(tmp_path / "other", 40)
    stat = tf.io.gfile.stat

    def stat_or_vanish(path: str) -> object:
        if path.endswith("trial/checkpoint"):
            raise tf.errors.NotFoundError(None, None, path)
        return stat(path)

    monkeypatch.setattr(tf.io.gfile, "stat", stat_or_vanish)
    clear_others(make_state(tmp_path / "own"))
    assert names_in(tmp_path) == ["other", "own"]


def test_finished_trainings_and_states_in_a_bucket_are_found_and_cleared():
    """One that tells no times, so that what was never finished stays."""
    root = "ram://bucket/checkpoints"
    for name in ("aa-float32-2-cpu", "bb-float32-2-cpu"):
        tf.io.gfile.makedirs(f"{root}/{name}")
        keep_finished(f"{root}/{name}", RECORD)
    tf.io.gfile.makedirs(f"{root}/cc-float32-2-cpu")
    with tf.io.gfile.GFile(f"{root}/cc-float32-2-cpu/checkpoint", "w") as file:
        file.write("here")
    folder, finished = find_finished(f"{root}/aa-float32-4-cpu", alike="aa-*-*-*")
    assert (folder, finished.record) == (f"{root}/aa-float32-2-cpu", RECORD.record)
    clear_others(folder)
    assert [each.rstrip("/") for each in tf.io.gfile.listdir(root)] == ["aa-float32-2-cpu", "cc-float32-2-cpu"]


def test_find_finished_prefers_the_training_of_this_machine_over_one_alike(tmp_path):
    for name in ("aa-float32-2", "aa-float32-4", "bb-float32-4"):
        make_state(tmp_path / name, finished=True)
    make_state(tmp_path / "aa-float32-8")
    folder, _ = find_finished(str(tmp_path / "aa-float32-4"), alike="aa-*-*")
    assert folder == str(tmp_path / "aa-float32-4")
    folder, finished = find_finished(str(tmp_path / "aa-float32-8"), alike="aa-*-*")
    assert folder == str(tmp_path / "aa-float32-2")
    assert finished.record == RECORD.record
    np.testing.assert_array_equal(finished.weights[0], RECORD.weights[0])


def test_find_finished_mark_of_an_earlier_version_is_no_result(tmp_path):
    Path(make_state(tmp_path / "aa"), "finished").touch()
    assert find_finished(str(tmp_path / "aa"), alike="aa") is None
    assert find_finished(str(tmp_path / "none" / "aa"), alike="aa") is None


def test_find_finished_of_other_settings_or_computed_otherwise_than_asked_is_none(tmp_path):
    make_state(tmp_path / "aa-float32-2", finished=True)
    make_state(tmp_path / "aa-float32-8")
    assert find_finished(str(tmp_path / "aa-float32-8"), alike="aa-float32-8") is None
    assert find_finished(str(tmp_path / "bb-float32-2"), alike="bb-*-*") is None
