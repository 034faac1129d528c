"""Networks joined into one: its logits are the mean of theirs, its features theirs side by side."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from configs.spec import ExportConfig, ModelConfig
from models.ensemble import join_networks
from models.export import ServingNetwork
from models.networks import build_network, fold_network

SHAPES = [
    ModelConfig(stem_filters=4, stage_filters=(8, 8), skips=True),
    ModelConfig(stem_filters=8, stage_filters=(8, 16), convolutions_per_stage=1),
    ModelConfig(stem_filters=4, stage_filters=(8, 8), skips=True),
]


@pytest.fixture(scope="module")
def networks() -> list[keras.Model]:
    keras.utils.set_random_seed(1)
    return [fold_network(build_network(shape, 5), shape) for shape in SHAPES]


@pytest.fixture(scope="module")
def images() -> tf.Tensor:
    return tf.random.stateless_normal([3, 48, 48, 1], seed=(1, 2))


def test_join_networks_logits_are_the_mean_of_theirs_and_features_lie_side_by_side(networks, images):
    joined = join_networks(networks)
    expected = np.mean([network(images) for network in networks], axis=0)
    np.testing.assert_allclose(joined(images), expected, atol=1e-5)
    assert np.abs(expected - networks[0](images)).max() > 1e-2
    assert joined.layers[-1].input.shape == (None, 8 + 16 + 8)


def test_join_networks_one_alone_is_itself(networks):
    assert join_networks(networks[:1]) is networks[0]


def test_joined_network_is_served_with_its_weights_in_half_precision(networks, images):
    joined = join_networks(networks)
    served = ServingNetwork(joined, ExportConfig())
    np.testing.assert_allclose(served(images), joined(images), atol=5e-3)
