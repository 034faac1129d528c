import keras
import numpy as np
import pytest
from model_doubles import TINY_MODEL

from configs.spec import ModelConfig
from models.folding import fold_network
from models.network import build_network


def build_shaken_network(config: ModelConfig, policy: str = "float32") -> keras.Model:
    """Random scales, offsets and statistics: fresh ones, 0 and 1, would hide faults."""
    keras.utils.set_random_seed(3)
    network = build_network(config, policy)
    for weight in network.weights:
        if len(weight.shape) == 1 and weight.dtype == "float32":
            weight.assign(keras.random.uniform(weight.shape, 0.5, 1.5))
    return network


@pytest.mark.parametrize("config", [TINY_MODEL, ModelConfig(stage_filters=(8, 12), blocks_per_stage=(1, 2))])
def test_fold_network_random_weights_gives_the_logits_of_the_network(config):
    network = build_shaken_network(config)
    images = np.random.default_rng(0).normal(size=(3, 48, 48, 1)).astype(np.float32)
    expected = network(images, training=False).numpy()
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(fold_network(network)(images).numpy(), expected, rtol=1e-4, atol=1e-4)


def test_fold_network_trained_in_bfloat16_is_float32_without_normalisation_or_dropout():
    folded = fold_network(build_shaken_network(TINY_MODEL, "mixed_bfloat16"))
    assert {layer.dtype_policy.name for layer in folded.layers} == {"float32"}
    kinds = {type(layer).__name__ for layer in folded.layers}
    assert kinds.isdisjoint({"BatchNormalization", "Dropout"})
    assert folded.non_trainable_variables == []
