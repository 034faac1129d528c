"""What the tuner may try: for each setting an interval or a list of choices."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from configs.convert import leaf_keys
from configs.overlay import overlay, read_setting
from fer_tfx.errors import ConfigError

LINEAR, LOG = "linear", "log"
_NOT_SEARCHED = {
    "trainer.epochs": "all trials train for tuner.epochs",
    "trainer.seed": "all trials share one, so that they differ by their settings alone",
    "trainer.threads": "TensorFlow keeps the number that a process has begun with",
}


@dataclass(frozen=True)
class Interval:
    """Numbers from `low` to `high`, both included."""

    low: float
    high: float
    scale: str = LINEAR
    """`linear`, or `log`: as many trials from 0.01 to 0.1 as from 0.1 to 1."""


Choices = tuple[bool | int | float | str, ...]


def check_space(recipe: Any, space: Mapping[str, Interval | Choices]) -> None:
    """Hold every bound and choice to the rules of the setting that it is meant for.

    Args:
        recipe: a dataclass with the settings that may be searched, at the values they have outside the search.
        space: by dotted key, such as `trainer.weight_decay`.

    Raises:
        ConfigError: a setting is unknown or can't be searched, or one of its values is not allowed.
    """
    for setting, searched in space.items():
        try:
            _check_form(setting, searched)
            list_values(recipe, setting, searched)
        except ConfigError as error:
            raise ConfigError(f"tuner.space: {error}") from None


def list_values(recipe: Any, setting: str, searched: Interval | Choices) -> list[Any]:
    """Both bounds, or all choices, in the type of their setting.

    Raises:
        ConfigError: the setting is unknown, or a value has the wrong type or range for it.
    """
    values: list[Any] = [searched.low, searched.high] if isinstance(searched, Interval) else list(searched)
    if isinstance(searched, Interval) and _is_whole(recipe, setting):
        values = [int(value) if value.is_integer() else value for value in values]
    return [read_setting(overlay(recipe, {setting: value}), setting) for value in values]


def _is_whole(recipe: Any, setting: str) -> bool:
    return setting in set(leaf_keys(type(recipe))) and isinstance(read_setting(recipe, setting), int)


def _check_form(setting: str, searched: Interval | Choices) -> None:
    if setting in _NOT_SEARCHED:
        raise ConfigError(f"{setting}: is not searched: {_NOT_SEARCHED[setting]}")
    if not isinstance(searched, Interval):
        if not searched:
            raise ConfigError(f"{setting}: expected at least one choice, got none")
        return
    if searched.scale not in (LINEAR, LOG):
        raise ConfigError(f"{setting}: scale: expected {LINEAR} or {LOG}, got {searched.scale!r}")
    if not (math.isfinite(searched.low) and math.isfinite(searched.high) and searched.low < searched.high):
        raise ConfigError(f"{setting}: expected low below high, got {searched.low} and {searched.high}")
    if searched.scale == LOG and searched.low <= 0:
        raise ConfigError(f"{setting}: expected low above 0 on a log scale, got {searched.low}")
