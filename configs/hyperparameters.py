"""The file that TFX's Tuner writes: a `keras_tuner.HyperParameters` as JSON, named by our settings."""

from collections.abc import Mapping
from typing import Any

from configs.overlay import overlay
from configs.spec import Recipe
from fer_tfx.errors import ConfigError


def apply_hyperparameters(recipe: Recipe, hyperparameters: Mapping[str, Any]) -> Recipe:
    """The recipe with a tuner's values put in place.

    Raises:
        ConfigError: there are no values, or one is of an unknown setting, or has the wrong type or range.
    """
    return overlay(recipe, read_values(hyperparameters))


def read_values(hyperparameters: Any) -> dict[str, Any]:
    """The winner's values by dotted key, such as `trainer.weight_decay`.

    Raises:
        ConfigError: the file holds something else.
    """
    values = hyperparameters.get("values") if isinstance(hyperparameters, Mapping) else None
    if not isinstance(values, Mapping):
        found = f"keys {sorted(hyperparameters)}" if isinstance(hyperparameters, Mapping) else repr(hyperparameters)
        raise ConfigError(f"expected a tuner's best_hyperparameters.txt, a mapping with `values`, got {found}")
    return dict(values)
