"""The network as each training begins with it."""

import keras

from configs.spec import Recipe
from models.network import build_network
from models.precision import choose_policy
from models.strategy import choose_strategy


def build_seeded_network(recipe: Recipe) -> keras.Model:
    """Set every seed of this process and build the network for all devices: equal recipes begin alike."""
    keras.utils.set_random_seed(recipe.trainer.seed)
    with choose_strategy().scope():
        return build_network(recipe.model, choose_policy(recipe.trainer.precision))
