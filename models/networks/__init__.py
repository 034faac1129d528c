"""The networks, images -> logits, by family. A new one is a file here, named in `FAMILIES` and in `ModelConfig`."""

from typing import Protocol

import keras
import tensorflow as tf

from configs.spec import ModelConfig, Recipe
from models.computation import choose_policy
from models.networks import vgg


class Family(Protocol):
    """What a module of a family defines."""

    def build(self, config: ModelConfig, class_count: int) -> keras.Model:
        """A network: images float32 (batch, height, width, 1), z-scored -> logits float32 (batch, class_count).

        Layers take Keras's dtype policy, the last one excepted, a Dense one. Initial weights come from Keras's seed.
        """

    def fold(self, network: keras.Model) -> keras.Model:
        """The same function for inference, with as few operations as possible: float32, outside any strategy."""


FAMILIES: dict[str, Family] = {"vgg": vgg}


def build_network(config: ModelConfig, class_count: int, policy: str = "float32") -> keras.Model:
    """The network of `config.family`, see `Family.build`, under Keras's dtype policy `policy`."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        return FAMILIES[config.family].build(config, class_count)
    finally:
        keras.config.set_dtype_policy(before)


def build_seeded_network(
    recipe: Recipe, class_count: int, strategy: tf.distribute.Strategy | None = None
) -> keras.Model:
    """Set every seed of this process and build the network: equal recipes begin alike.

    `strategy` is that of the workers; None: all GPUs of this machine if it has several.
    """
    keras.utils.set_random_seed(recipe.trainer.seed)
    if strategy is None and len(tf.config.list_logical_devices("GPU")) > 1:
        strategy = tf.distribute.MirroredStrategy()
    with (strategy or tf.distribute.get_strategy()).scope():
        return build_network(recipe.model, class_count, choose_policy(recipe.trainer.precision))


def fold_network(network: keras.Model, config: ModelConfig) -> keras.Model:
    """A trained network as it is served, see `Family.fold`."""
    return FAMILIES[config.family].fold(network)
