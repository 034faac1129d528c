import keras
import numpy as np
import pytest
import tensorflow as tf

from models.networks.layers import BatchNormalization

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
