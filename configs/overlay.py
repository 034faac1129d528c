"""Single settings put in the place of those of a finished config, by dotted key."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from configs.convert import Config, from_nested, leaf_keys, suggest
from fer_tfx.errors import ConfigError


def overlay(config: Config, values: Mapping[str, Any]) -> Config:
    """A copy of `config` with other values.

    Args:
        config: a dataclass of settings.
        values: by dotted key, such as `trainer.weight_decay`; checked like those of a file.

    Raises:
        ConfigError: a key is unknown, or a value has the wrong type or range.
    """
    nested = dataclasses.asdict(config)  # type: ignore[call-overload]
    valid_keys = set(leaf_keys(type(config)))
    for key, value in values.items():
        if key not in valid_keys:
            raise ConfigError(f"{key}: unknown setting{suggest(key, valid_keys)}")
        *sections, leaf = key.split(".")
        target = nested
        for section in sections:
            target = target[section]
        target[leaf] = value
    return from_nested(type(config), nested)


def read_setting(config: Any, key: str) -> Any:
    """The value of a setting by its dotted key."""
    for name in key.split("."):
        config = getattr(config, name)
    return config
