"""Layers that families share, and the networks that are left when batch normalisation is folded away."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from model_doubles import TINY_MODEL

from configs.spec import ModelConfig
from models.networks import build_network
from models.networks.layers import BatchNormalization, fold_batch_norm

MAPS = np.random.default_rng(2).normal(1.5, 2.0, size=(6, 5, 4, 3)).astype(np.float32)


def normalise_both(training: bool) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Output, gradients and statistics of our layer and of Keras's, from the same scales and offsets."""
    found = []
    for layer in (BatchNormalization(), keras.layers.BatchNormalization()):
        layer.build(MAPS.shape)
        layer.gamma.assign([0.5, 1.0, 2.0])
        layer.beta.assign([-1.0, 0.0, 1.0])
        maps = tf.Variable(MAPS)
        with tf.GradientTape() as tape:
            normalised = layer(maps, training=training)
            loss = tf.reduce_sum(normalised**3)
        gradients = tape.gradient(loss, [maps, layer.gamma.value, layer.beta.value])
        statistics = [layer.moving_mean.numpy(), layer.moving_variance.numpy()]
        found.append([normalised.numpy(), *(gradient.numpy() for gradient in gradients), *statistics])
    return found[0], found[1]


@pytest.mark.parametrize("training", [True, False])
def test_batch_normalization_same_weights_equals_the_layer_of_keras(training):
    for ours, theirs in zip(*normalise_both(training), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=2e-3)  # its variance is the unbiased one


def test_batch_normalization_bfloat16_maps_keep_their_type_and_float32_statistics():
    layer = BatchNormalization(dtype="mixed_bfloat16")
    normalised = layer(tf.cast(MAPS, tf.bfloat16), training=True)
    assert normalised.dtype == tf.bfloat16
    assert layer.moving_mean.numpy().dtype == np.float32
    expected = (MAPS - MAPS.mean(axis=(0, 1, 2))) / np.sqrt(MAPS.var(axis=(0, 1, 2)) + 1e-3)
    np.testing.assert_allclose(tf.cast(normalised, tf.float32), expected, atol=0.03)
    np.testing.assert_allclose(layer.moving_mean, MAPS.mean(axis=(0, 1, 2)) * 0.01, atol=1e-4)


IMAGES = np.random.default_rng(0).normal(size=(3, 48, 48, 1)).astype(np.float32)


def build_shaken_network(config: ModelConfig, policy: str = "float32", least_scale: float = 0.5) -> keras.Model:
    """Random scales, offsets and statistics: fresh ones, 0 and 1, would hide faults."""
    keras.utils.set_random_seed(3)
    network = build_network(config, 7, policy)
    for norm in (layer for layer in network.layers if isinstance(layer, BatchNormalization)):
        for weight, least in zip(norm.weights, (least_scale, -0.5, -0.5, 0.5), strict=True):
            weight.assign(keras.random.uniform(weight.shape, least, 1.5))
    return network


@pytest.mark.parametrize("least_scale", [0.5, -1.5])
@pytest.mark.parametrize(
    "config",
    [
        TINY_MODEL,
        ModelConfig(stem_filters=3, stage_filters=(8, 12, 5)),
        ModelConfig(stem_filters=3, stage_filters=(8, 5), convolutions_per_stage=3, skips=True),
    ],
)
def test_fold_network_random_weights_gives_the_logits_of_the_network(config, least_scale):
    network = build_shaken_network(config, least_scale=least_scale)
    expected = network(IMAGES, training=False).numpy()
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(fold_batch_norm(network)(IMAGES).numpy(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("least_scale", "left"), [(0.5, 0), (-1.5, 1)])
def test_fold_network_keeps_normalisation_after_pooling_alone_where_a_scale_is_negative(least_scale, left):
    folded = fold_batch_norm(build_shaken_network(TINY_MODEL, least_scale=least_scale))
    assert sum(isinstance(layer, BatchNormalization) for layer in folded.layers) == left


def test_fold_network_trained_in_bfloat16_is_float32_without_dropout():
    folded = fold_batch_norm(build_shaken_network(TINY_MODEL, "mixed_bfloat16"))
    assert {layer.dtype_policy.name for layer in folded.layers} == {"float32"}
    assert not any(isinstance(layer, keras.layers.Dropout) for layer in folded.layers)
    assert folded.non_trainable_variables == []
