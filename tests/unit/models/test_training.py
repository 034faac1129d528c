import logging
import math
import re
import signal
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from forked import run_fork
from model_doubles import TINY_TRAINER, draw_striped_examples, fit_tiny_network, stub_transform

from configs.progress import PROGRESS_LOGGER
from models import training
from models.training import TrainingError, TrainResult

SCRIPTS = Path(__file__).parent


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> tuple[TrainResult, keras.Model]:
    return fit_tiny_network(tmp_path_factory.mktemp("uninterrupted"))


def test_fit_lying_and_standing_stripes_are_told_apart(uninterrupted):
    result, _ = uninterrupted
    assert result.history[-1].eval_accuracy >= 0.9
    assert [metrics.epoch for metrics in result.history] == [1, 2, 3, 4]
    assert result.resumed_from_epoch == 0


def test_fit_last_figures_belong_to_the_weights_the_network_keeps(uninterrupted):
    result, network = uninterrupted
    examples = draw_striped_examples(20, seed=1)
    logits = network(stub_transform(examples.pixels), training=False).numpy()
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    classes = examples.class_indices.numpy()
    assert result.history[-1].eval_accuracy == pytest.approx((logits.argmax(axis=1) == classes).mean())
    assert result.history[-1].eval_loss == pytest.approx(-np.log(shares[np.arange(20), classes]).mean(), rel=1e-4)


def test_fit_same_seed_gives_same_metrics(uninterrupted, tmp_path):
    again, _ = fit_tiny_network(tmp_path)
    assert again.history == uninterrupted[0].history


def test_fit_killed_run_goes_on_to_the_same_result(uninterrupted, tmp_path):
    killed = run_fork(f"{SCRIPTS}/train_and_be_killed.py", [tmp_path, 9])  # step 9 of 16: within epoch 3
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    resumed, network = fit_tiny_network(tmp_path)
    assert resumed.resumed_from_epoch == 2
    assert resumed.history == uninterrupted[0].history
    for weight, expected in zip(network.get_weights(), uninterrupted[1].get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, atol=1e-6)


def test_fit_finished_run_called_again_trains_no_more(uninterrupted, tmp_path):
    fit_tiny_network(tmp_path)
    again, network = fit_tiny_network(tmp_path)
    assert again.resumed_from_epoch == 4
    assert again.history == uninterrupted[0].history
    for weight, expected in zip(network.get_weights(), uninterrupted[1].get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, atol=1e-6)


def damage(checkpoint: Path) -> None:
    """Change bytes in the middle of its tensors."""
    content = bytearray(checkpoint.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 8] = b"\xff" * 8
    checkpoint.write_bytes(content)


@pytest.mark.parametrize(("damaged", "resumed_from"), [((4,), 3), ((3, 4), 0)], ids=["the last", "both"])
def test_fit_damaged_state_goes_on_from_the_one_before_or_begins_anew(
    uninterrupted, tmp_path, caplog, damaged, resumed_from
):
    fit_tiny_network(tmp_path)
    for number in damaged:
        (state,) = tmp_path.rglob(f"ckpt-{number}.data-00000-of-00001")
        damage(state)
    with caplog.at_level(logging.INFO, "absl"):
        again, network = fit_tiny_network(tmp_path)
    assert again.resumed_from_epoch == resumed_from
    assert again.history == uninterrupted[0].history
    for weight, expected in zip(network.get_weights(), uninterrupted[1].get_weights(), strict=True):
        np.testing.assert_allclose(weight, expected, atol=1e-6)
    assert len([each for each in caplog.messages if "can't be read, so the training goes on" in each]) == len(damaged)
    said = f"goes on after epoch {resumed_from}, from" if resumed_from else "begins anew"
    assert len([each for each in caplog.messages if f"The training {said}" in each]) == 1


def test_fit_fewer_examples_than_one_batch_trains(tmp_path):
    result, _ = fit_tiny_network(tmp_path, replace(TINY_TRAINER, epochs=1, batch_size=1000))
    assert math.isfinite(result.history[0].eval_loss)


def test_fit_loss_no_number_says_what_to_lower(tmp_path):
    message = r"loss is (nan|inf) at step \d+: lower trainer\.peak_learning_rate and run again$"
    with pytest.raises(TrainingError, match=message):
        fit_tiny_network(tmp_path, replace(TINY_TRAINER, peak_learning_rate=1e30, warmup_epochs=0.0))


def test_fit_writes_summaries_of_each_epoch(uninterrupted, tmp_path):
    fit_tiny_network(tmp_path, replace(TINY_TRAINER, epochs=1))
    (path,) = (tmp_path / "logs").glob("events*")
    summaries = [value.tag for event in tf.compat.v1.train.summary_iterator(str(path)) for value in event.summary.value]
    assert sorted(summaries) == ["accuracy", "eval_accuracy", "eval_loss", "learning_rate", "loss", "seconds"]


def test_fit_longer_evaluation_interval_measures_those_epochs_and_the_last(tmp_path):
    result, _ = fit_tiny_network(tmp_path, replace(TINY_TRAINER, epochs=3, evaluation_interval_epochs=2))
    assert [metrics.eval_accuracy is not None for metrics in result.history] == [False, True, True]
    assert [metrics.eval_loss is not None for metrics in result.history] == [False, True, True]
    assert all(metrics.seconds > 0 for metrics in result.history)


def test_fit_bfloat16_and_crops_learns_as_well(tmp_path):
    config = replace(TINY_TRAINER, crop_px=40, full_size_fraction=0.25, precision="mixed_bfloat16")
    result, network = fit_tiny_network(tmp_path, config)
    assert result.history[-1].eval_accuracy >= 0.9
    assert network.layers[2].compute_dtype == "bfloat16"


@pytest.mark.parametrize(
    "changed",
    [
        {"final_rate_fraction": 0.1},
        {"reverse_weight": 0.3},
        {"augmentation": replace(TINY_TRAINER.augmentation, shear_deg=6.0, aspect_fraction=0.1)},
    ],
)
def test_fit_with_a_setting_that_is_off_by_default_learns_as_well(tmp_path, changed):
    result, _ = fit_tiny_network(tmp_path, replace(TINY_TRAINER, epochs=6, **changed))
    assert result.history[-1].eval_accuracy >= 0.9


def test_fit_final_rate_fraction_ends_at_that_share_of_the_peak(tmp_path):
    result, _ = fit_tiny_network(tmp_path, replace(TINY_TRAINER, epochs=2, final_rate_fraction=0.2))
    assert result.history[-1].learning_rate == pytest.approx(0.2 * TINY_TRAINER.peak_learning_rate)


@pytest.fixture(scope="module")
def two_devices(tmp_path_factory) -> list[str]:
    """What a training on two devices of a mirrored strategy prints, and what is said of batches that it can't have."""
    run = run_fork(f"{SCRIPTS}/train_on_two_devices.py", [tmp_path_factory.mktemp("devices")])
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


def test_fit_two_devices_of_a_mirrored_strategy_train_one_epoch(two_devices):
    assert two_devices[0] == "replicas 2, epochs 1, finite True, same weights True"


def test_fit_batch_that_two_devices_can_not_share_out_in_pairs_is_refused(two_devices):
    reason = "so that both views of a picture are on one device"
    assert two_devices[1:] == [
        f"trainer.batch_size: expected a multiple of 4, {reason}, got 10",
        f"trainer.batch_size: expected a multiple of 4, at most the 7 rows to train on, {reason}, got 64",
    ]


@pytest.mark.parametrize("interval_s", [0.0, 1000.0])
def test_fit_reports_steps_no_more_often_than_the_interval_and_each_epoch(tmp_path, monkeypatch, caplog, interval_s):
    monkeypatch.setattr(training, "_REPORT_INTERVAL_S", interval_s)
    with caplog.at_level(logging.INFO, PROGRESS_LOGGER):
        result, _ = fit_tiny_network(tmp_path, replace(TINY_TRAINER, epochs=2, evaluation_interval_epochs=2))
    found = [re.sub(r"loss \d\.\d\d", "loss", record.getMessage()) for record in caplog.records]
    steps = [f"{step}/8 epoch {1 + (step > 4)}, loss" for step in range(1, 9)]
    ends = ["4/8 epoch 1 finished", f"8/8 epoch 2 finished, eval accuracy {result.history[-1].eval_accuracy:.3f}"]
    assert found == ([*steps[:4], ends[0], *steps[4:], ends[1]] if interval_s == 0 else [steps[0], *ends])
