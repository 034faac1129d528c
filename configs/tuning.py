"""What the tuner may try, for each setting an interval or a list of choices; and the file with what it found."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass
from pydantic_core import PydanticCustomError

from configs.convert import STRICT, Float, overlay, read_setting
from fer_tfx.errors import ConfigError

_THREADS = "trainer.threads"
_NOT_SEARCHED = {
    "trainer.epochs": "all trials train for tuner.epochs",
    "trainer.seed": "all trials share one, so that they differ by their settings alone",
    _THREADS: "TensorFlow keeps the number of threads that a process started with",
}


@dataclass(frozen=True, config=STRICT)
class Interval:
    """Numbers from `low` to `high`, both included."""

    low: Float
    high: Float
    scale: Literal["linear", "log"] = "linear"
    """`log`: as many trials from 0.01 to 0.1 as from 0.1 to 1."""

    def __post_init__(self) -> None:
        if self.low >= self.high:
            raise PydanticCustomError("interval", "low below high")
        if self.scale == "log" and self.low <= 0:
            raise PydanticCustomError("interval", "low above 0 on a log scale")


Choices = Annotated[tuple[bool | int | float | str, ...], Field(min_length=1)]


def require_no_threads(setting: str, differences: Mapping[str, Any]) -> None:
    """Raise ConfigError if a further training is to have another number of threads."""
    if _THREADS in differences:
        raise ConfigError(f"{setting}: {_THREADS}: can't differ: {_NOT_SEARCHED[_THREADS]}; set it for all")


def check_space(recipe: Any, space: Mapping[str, Interval | Choices]) -> None:
    """Raises ConfigError if a setting can't be searched, or doesn't allow one of the bounds or choices."""
    for setting, searched in space.items():
        if setting in _NOT_SEARCHED:
            raise ConfigError(f"tuner.space: {setting}: can't be searched: {_NOT_SEARCHED[setting]}")
        try:
            list_values(recipe, setting, searched)
        except ConfigError as error:
            raise ConfigError(f"tuner.space: {error}") from None


def list_values(recipe: Any, setting: str, searched: Interval | Choices) -> list[Any]:
    """Both bounds, or all choices, in the type of their setting. Raises ConfigError if it doesn't allow one of them."""
    values = (searched.low, searched.high) if isinstance(searched, Interval) else searched
    return [read_setting(overlay(recipe, {setting: value}), setting) for value in values]


def read_values(hyperparameters: Any) -> dict[str, Any]:
    """The winner's values by dotted key, from what TFX's Tuner writes: `keras_tuner.HyperParameters` as JSON."""
    values = hyperparameters.get("values") if isinstance(hyperparameters, Mapping) else None
    if not isinstance(values, Mapping):
        found = f"keys {sorted(hyperparameters)}" if isinstance(hyperparameters, Mapping) else repr(hyperparameters)
        raise ConfigError(f"expected a tuner's best_hyperparameters.txt, a mapping with `values`, got {found}")
    return dict(values)
