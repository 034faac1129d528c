"""Training on streams: the same as ever when taken up again, and one network among several workers."""

import json
import os
import socket
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from forked import Fork
from model_doubles import TINY_MODEL, TINY_TRAINER, draw_striped_examples, fit_tiny_network, stub_transform
from test_dataset import write_examples

from configs.load import to_json
from fer_tfx.contract import CLASS_NAMES_FILE, DEFAULT_CLASS_NAMES, TRAINING_RECORD_FILE
from fer_tfx.errors import ConfigError
from models.computation import Share, choose_worker_strategy, find_share
from models.networks import build_network
from models.streaming import scan_examples
from models.training import fit
from models.warm_start import keep_weights

HERE = Path(__file__).parent


@pytest.fixture
def folder(tmp_path):
    for name, count, seed in (("train", 32, 0), ("eval", 20, 1)):
        examples = draw_striped_examples(count, seed)
        pixels, class_indices = list(examples.pixels.numpy()), list(examples.class_indices.numpy())
        for index in range(4):
            write_examples(tmp_path / f"{name}-{index}.gz", pixels[index::4], class_indices[index::4])
    return tmp_path


def fit_tiny_stream(folder, config=TINY_TRAINER, state="checkpoints"):
    keras.utils.set_random_seed(config.seed)
    network = build_network(TINY_MODEL, 7, config.precision)
    train, eval_ = (scan_examples([str(folder / f"{name}-*")], 7, shuffle_rows=16) for name in ("train", "eval"))
    dirs = {"checkpoint_dir": str(folder / state), "log_dir": str(folder / "logs")}
    return fit(network, train, eval_, stub_transform, config, **dirs), network


def test_fit_streamed_learns_what_the_training_in_memory_learns(folder):
    config = replace(TINY_TRAINER, epochs=8)
    streamed, _ = fit_tiny_stream(folder, config)
    held, _ = fit_tiny_network(folder / "memory", config)
    assert len(streamed.history) == 8
    assert streamed.history[-1].learning_rate == held.history[-1].learning_rate
    assert streamed.history[-1].eval_accuracy == held.history[-1].eval_accuracy == 1.0


def test_fit_streamed_same_seed_gives_the_same_weights(folder):
    weights = [fit_tiny_stream(folder, replace(TINY_TRAINER, epochs=2), state)[1].get_weights() for state in "ab"]
    for first, second in zip(*weights, strict=True):
        np.testing.assert_array_equal(first, second)


def test_fit_streamed_stopped_after_an_epoch_ends_with_the_same_weights(folder, monkeypatch):
    whole, expected = fit_tiny_stream(folder, state="whole")
    stop_after_first_epoch(monkeypatch)
    with pytest.raises(InterruptedError):
        fit_tiny_stream(folder, state="stopped")
    monkeypatch.undo()
    again, network = fit_tiny_stream(folder, state="stopped")
    assert (again.resumed_from_epoch, len(again.history)) == (1, 4)
    assert [epoch.loss for epoch in again.history] == [epoch.loss for epoch in whole.history]
    for first, second in zip(expected.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


def stop_after_first_epoch(monkeypatch):
    from models import training

    def stop(done, total, text):
        if "finished" in text:
            raise InterruptedError

    monkeypatch.setattr(training, "report_progress", stop)


def test_two_workers_train_an_ensembles_network_from_a_warm_start_and_the_first_one_exports(folder, transform_dir):
    """Also on threads that TensorFlow can't have any more once it has read the other network."""
    keras.utils.set_random_seed(9)
    earlier = build_network(TINY_MODEL, 7)
    model = folder / "earlier" / "Format-Serving"
    keep_weights(earlier.get_weights(), str(model))
    (model / "assets.extra").mkdir(parents=True)
    (model / "assets.extra" / CLASS_NAMES_FILE).write_text("\n".join(DEFAULT_CLASS_NAMES))
    told = {"model": json.loads(to_json(TINY_MODEL)), "precision": "float32", "parameters": earlier.count_params()}
    (model / "assets.extra" / TRAINING_RECORD_FILE).write_text(json.dumps(told))
    threads = len(os.sched_getaffinity(0)) + 1
    workers = run_two_workers(folder, transform_dir, threads)
    assert [worker["share"] for worker in workers] == [[0, 2], [1, 2]]
    for worker in workers:
        assert worker["replicas"] == 2
        assert worker["epochs"] == 4
        assert worker["losses"] == workers[0]["losses"]
        assert worker["eval_losses"] == workers[0]["eval_losses"]
    assert workers[0]["losses"][-1] < workers[0]["losses"][0]
    for begun in (np.load(folder / f"begun-{index}.npz") for index in range(2)):
        for name, expected in zip(begun.files, earlier.get_weights(), strict=True):
            np.testing.assert_array_equal(begun[name], expected)
    first, second = (np.load(folder / f"worker-{index}.npz") for index in range(2))
    for name in first.files:
        np.testing.assert_array_equal(first[name], second[name])
    assert len(list((folder / "logs").glob("events*"))) == 1
    (state,) = (folder / "checkpoints").iterdir()
    assert (state / "finished").exists()
    record = json.loads((folder / "model" / "assets.extra" / TRAINING_RECORD_FILE).read_text())
    assert record["threads"] == [threads] * 2
    assert record["members"] == [told]
    assert record["spans"] == [{"span": None, "fingerprint": None, "train_rows": 32}]
    assert list((folder / "temporary").glob("worker-*")) == []


def run_two_workers(folder: Path, transform_dir: Path, threads: int) -> list[dict]:
    ports = [str(find_port()) for _ in range(2)]
    (folder / "temporary").mkdir()
    workers = [
        Fork(
            str(HERE / "train_with_two_workers.py"), [folder, transform_dir, threads, index, *ports],
            environment={**os.environ, "TMPDIR": str(folder / "temporary")},
        )
        for index in range(2)
    ]  # fmt: skip
    done = [worker.wait() for worker in workers]
    assert [worker.returncode for worker in done] == [0, 0], done[0].stderr + done[1].stderr
    return [json.loads(worker.stdout) for worker in done]


def find_port() -> int:
    with socket.create_server(("localhost", 0)) as server:
        return server.getsockname()[1]


def test_find_share_of_a_strategy_of_one_machine_is_the_whole():
    assert find_share(tf.distribute.get_strategy()) == Share(0, 1)
    assert find_share(tf.distribute.MirroredStrategy(["CPU:0"])) == Share(0, 1)


@pytest.mark.parametrize("cluster", [{}, {"worker": ["localhost:1"]}, {"chief": ["localhost:1"]}])
def test_choose_worker_strategy_of_one_worker_is_none(cluster, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": {"type": "worker", "index": 0}}))
    assert choose_worker_strategy() is None


def test_choose_worker_strategy_several_gpus_for_a_worker_are_refused(monkeypatch):
    cluster = {"chief": ["localhost:1"], "worker": ["localhost:2"]}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": {"type": "worker", "index": 0}}))
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [f"{kind}:{number}" for number in range(4)])
    with pytest.raises(ConfigError) as caught:
        choose_worker_strategy()
    assert str(caught.value) == (
        "TF_CONFIG: expected at most one GPU for each of its workers, got 4; leave one in CUDA_VISIBLE_DEVICES, or"
        " start a worker for each"
    )
