import keras
import numpy as np
import pytest
from model_doubles import TINY_MODEL

from configs.spec import ModelConfig
from models.networks import build_network
from models.networks.layers import BatchNormalization, fold_batch_norm

IMAGES = np.random.default_rng(0).normal(size=(3, 48, 48, 1)).astype(np.float32)


def build_shaken_network(config: ModelConfig, policy: str = "float32", least_scale: float = 0.5) -> keras.Model:
    """Random scales, offsets and statistics: fresh ones, 0 and 1, would hide faults."""
    keras.utils.set_random_seed(3)
    network = build_network(config, policy)
    for norm in (layer for layer in network.layers if isinstance(layer, BatchNormalization)):
        for weight, least in zip(norm.weights, (least_scale, -0.5, -0.5, 0.5), strict=True):
            weight.assign(keras.random.uniform(weight.shape, least, 1.5))
    return network


@pytest.mark.parametrize("least_scale", [0.5, -1.5])
@pytest.mark.parametrize("config", [TINY_MODEL, ModelConfig(stem_filters=3, stage_filters=(8, 12, 5))])
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
