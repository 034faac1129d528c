"""Loss, optimiser, learning rate and averaged weights."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from model_doubles import TINY_MODEL, TINY_TRAINER, draw_pixels

from configs.spec import TrainerConfig
from models.networks import build_network
from models.recipe import WeightAverage, build_calibration, build_loss, build_optimizer, build_schedule, make_targets

TRAINER = replace(TINY_TRAINER, epochs=4, peak_learning_rate=0.1, warmup_epochs=1.0)


@pytest.mark.parametrize(
    ("step", "rate"),
    [(0, 0.1 / 11), (5, 0.6 / 11), (10, 0.1), (25, 0.05), (20, 0.075), (30, 0.025), (40, 0.0)],
)
def test_build_schedule_four_epochs_of_ten_steps_warms_up_then_follows_a_cosine(step, rate):
    assert float(build_schedule(TRAINER, 10)(step)) == pytest.approx(rate, abs=1e-6)


def test_build_schedule_final_fraction_ends_the_cosine_at_that_share_of_the_peak():
    schedule = build_schedule(replace(TRAINER, final_rate_fraction=0.2), 10)
    assert [float(schedule(step)) for step in (5, 10, 25, 40)] == pytest.approx([0.6 / 11, 0.1, 0.06, 0.02], abs=1e-6)


def test_build_schedule_run_as_short_as_warm_up_reaches_the_peak_half_way():
    schedule = build_schedule(replace(TRAINER, epochs=1), 10)
    rates = [float(schedule(step)) for step in range(11)]
    assert rates.index(max(rates)) == 5
    assert rates[5] == pytest.approx(0.1)
    assert rates[10] == pytest.approx(0.0, abs=1e-6)


def test_build_schedule_no_warm_up_starts_at_the_peak():
    assert float(build_schedule(replace(TRAINER, warmup_epochs=0.0), 10)(0)) == pytest.approx(0.1)


def test_build_schedule_run_of_one_step_uses_the_peak():
    assert float(build_schedule(replace(TRAINER, epochs=1), 1)(0)) == pytest.approx(0.1)


def test_build_schedule_warm_up_beyond_all_steps_takes_half_of_the_run():
    longest = build_schedule(replace(TRAINER, warmup_epochs=1e308), 10_000)
    assert [float(longest(step)) for step in (20_000, 40_000)] == pytest.approx([0.1, 0.0], abs=1e-6)


def build_one_weight_network() -> keras.Model:
    """A network of one trainable weight, which starts at 0."""
    value = keras.Input((1,))
    return keras.Model(value, keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")(value))


def average_ones(momentum: float, steps: int) -> float:
    """The average after `steps` steps at which the weight was 1, having started at 0."""
    network = build_one_weight_network()
    average = WeightAverage(network, momentum)
    network.trainable_variables[0].assign([[1.0]])
    for step in range(1, steps + 1):
        average.update(tf.constant(step, tf.int64))
    return float(average.variables[0].numpy()[0, 0])


def test_update_first_steps_keep_two_elevenths_then_three_twelfths():
    assert average_ones(0.99, 1) == pytest.approx(1 - 2 / 11)
    assert average_ones(0.99, 2) == pytest.approx(1 - 2 / 11 * 3 / 12)


def test_update_momentum_below_the_ramp_is_used_as_it_is():
    assert average_ones(0.1, 3) == pytest.approx(1 - 0.1**3)


def test_update_momentum_zero_takes_the_last_weights():
    assert average_ones(0.0, 1) == 1.0


def test_build_calibration_sets_mean_and_variance_over_batches():
    images = keras.Input((48, 48, 1))
    network = keras.Model(images, keras.layers.BatchNormalization()(images))
    batches = (
        draw_pixels(6).astype(np.float32).reshape(3, 2, 48, 48, 1) * np.float32([1, 2, 3])[:, None, None, None, None]
    )
    build_calibration(network)(tf.data.Dataset.from_tensor_slices(batches))
    layer = network.layers[1]
    assert float(layer.moving_mean[0]) == pytest.approx(batches.mean(), rel=1e-5)
    assert float(layer.moving_variance[0]) == pytest.approx(batches.var(axis=(1, 2, 3, 4)).mean(), rel=1e-5)
    assert layer.momentum == 0.99


def test_applied_network_is_averaged_within_and_as_before_afterwards():
    network = build_network(TINY_MODEL, 7)
    before = [variable.numpy() for variable in network.variables]
    average = WeightAverage(network, 0.9)
    for variable in average.variables:
        variable.assign_add(tf.ones_like(variable))
    images = tf.data.Dataset.from_tensor_slices(np.random.default_rng(0).normal(size=(2, 4, 48, 48, 1)))
    with average.applied(images.map(lambda batch: tf.cast(batch, tf.float32))):
        for weight, averaged in zip(network.trainable_variables, average.variables, strict=True):
            np.testing.assert_array_equal(weight.numpy(), averaged.numpy())
        norm = next(layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization))
        assert not np.allclose(norm.moving_variance, 1.0)
    for variable, value in zip(network.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_build_loss_equals_sum_by_hand():
    logits = np.array([[2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]], np.float32)
    logs = logits[0] - np.log(np.exp(logits[0]).sum())
    targets = np.array([0.3, 0.0, 0.0, 0.0, 0.0, 0.0, 0.7], np.float32)
    loss = build_loss(TRAINER)(targets[None], logits)
    assert float(loss[0]) == pytest.approx(-(targets * logs).sum(), rel=1e-5)


def test_make_targets_of_labels_alone_give_keras_smoothed_loss_bit_for_bit():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(100, 7)).astype(np.float32), rng.integers(0, 7, 100)
    eye = np.eye(7, dtype=np.float32)[labels]
    expected = keras.losses.categorical_crossentropy(eye, logits, from_logits=True, label_smoothing=0.1)
    targets = make_targets(labels, tf.zeros([100, 7]), replace(TRAINER, label_smoothing=0.1))
    np.testing.assert_array_equal(build_loss(TRAINER)(targets, logits), expected)


def test_make_targets_blends_each_rows_own_target_with_its_smoothed_label():
    soft = np.array([[0.5, 0, 0, 0, 0, 0, 0.5], [0, 0, 0, 0, 0, 0, 0]], np.float32)
    made = make_targets(tf.constant([2, 5], tf.int64), soft, replace(TRAINER, label_smoothing=0.1, target_weight=0.6))
    smoothed = 0.9 * np.eye(7)[[2, 5]] + 0.1 / 7
    np.testing.assert_allclose(made, [0.4 * smoothed[0] + 0.6 * soft[0], smoothed[1]], atol=1e-6)


def test_make_targets_full_weight_has_nothing_of_label_and_smoothing():
    soft = np.array([[0.25, 0.75, 0, 0, 0, 0, 0]], np.float32)
    made = make_targets(tf.constant([6], tf.int64), soft, replace(TRAINER, label_smoothing=0.1, target_weight=1))
    np.testing.assert_array_equal(made, soft)


def compute_gradient(config: TrainerConfig, targets: np.ndarray, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Losses of the rows, and the gradient of their sum with respect to the logits."""
    with tf.GradientTape() as tape:
        variable = tf.Variable(logits)
        losses = build_loss(config)(tf.constant(targets), variable)
    return losses.numpy(), tape.gradient(losses, variable).numpy()


TARGETS = np.repeat(np.eye(7, dtype=np.float32)[[2, 5]], 2, axis=0)
LOGITS = np.random.default_rng(3).normal(size=(4, 7)).astype(np.float32)
ANSWERS = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)


def test_build_loss_consistency_draws_both_views_towards_the_mean_of_their_answers():
    config = replace(TRAINER, consistency_weight=0.25)
    losses, gradient = compute_gradient(config, TARGETS, LOGITS)
    agreed = np.repeat((ANSWERS[::2] + ANSWERS[1::2]) / 2, 2, axis=0)
    expected = 0.75 * TARGETS + 0.25 * agreed
    np.testing.assert_allclose(losses, -(expected * np.log(ANSWERS)).sum(axis=1), rtol=1e-5)
    # That of a cross entropy against constant targets: nothing flows back through the mean.
    np.testing.assert_allclose(gradient, ANSWERS - expected, atol=1e-6)


def test_build_loss_full_consistency_weight_asks_for_nothing_where_both_views_agree():
    config = replace(TRAINER, consistency_weight=1.0)
    _, gradient = compute_gradient(config, TARGETS, np.repeat(LOGITS[::2], 2, axis=0))
    np.testing.assert_allclose(gradient, 0.0, atol=1e-6)


def test_build_loss_reverse_weight_adds_the_reverse_cross_entropy():
    """Against a sure target it is 4 (1 - p), so its gradient fades where the network is sure of another class."""
    plain, _ = compute_gradient(TRAINER, TARGETS, LOGITS)
    losses, _ = compute_gradient(replace(TRAINER, reverse_weight=0.3), TARGETS, LOGITS)
    np.testing.assert_allclose(losses - plain, 0.3 * 4 * (1 - (ANSWERS * TARGETS).sum(axis=1)), rtol=1e-5)


def test_build_loss_reverse_weight_takes_the_logarithms_of_smoothed_targets_from_minus_four_on():
    smoothed = (0.8 * TARGETS + 0.2 / 7).astype(np.float32)
    plain, _ = compute_gradient(TRAINER, smoothed, LOGITS)
    losses, _ = compute_gradient(replace(TRAINER, reverse_weight=1.0), smoothed, LOGITS)
    logs = np.maximum(np.log(smoothed), -4.0)
    np.testing.assert_allclose(losses - plain, -(ANSWERS * logs).sum(axis=1), rtol=1e-4)


def test_build_optimizer_no_gradient_decays_kernels_alone():
    network = build_network(TINY_MODEL, 7)
    config = replace(TINY_TRAINER, weight_decay=0.01, momentum=0.9, peak_learning_rate=0.1, warmup_epochs=0.0)
    before = [weight.numpy() for weight in network.trainable_variables]
    optimizer = build_optimizer(network, config, steps_per_epoch=4)
    optimizer.apply([tf.zeros(weight.shape) for weight in before], network.trainable_variables)
    for old, new in zip(before, network.trainable_variables, strict=True):
        kept = 1 - 0.1 * 0.01 / (1 - 0.9) if old.ndim > 1 else 1.0
        np.testing.assert_allclose(new.numpy(), old * kept, rtol=1e-5)
