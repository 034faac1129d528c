"""Plain values, as YAML and JSON give them -> frozen dataclasses, each value checked against its declared type."""

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from fer_tfx.errors import ConfigError

Config = TypeVar("Config")

_KIND = {bool: "true or false", int: "a whole number", float: "a finite number", str: "text"}


def from_nested(cls: type[Config], values: Mapping[str, Any], prefix: str = "") -> Config:
    """A dataclass of nested mappings; what they leave out keeps its default.

    Args:
        cls: the dataclass.
        values: by field name.
        prefix: what stands before a field's name in messages, such as `trainer.`.

    Raises:
        ConfigError: a name is unknown or missing, or a value has the wrong type or range.
    """
    hints = typing.get_type_hints(cls)
    _require_names(cls, values, prefix)
    return cls(**{name: _convert(value, hints[name], f"{prefix}{name}") for name, value in values.items()})


def read_finite(value: float | str) -> float:
    """A number, or the text of one, as a float: no setting means anything by an infinite one or by NaN.

    Raises:
        ValueError: it is no number, or none that a float can hold.
    """
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"expected a finite number, got {value!r}")
    return number


def leaf_keys(cls: Any, prefix: str = "") -> Iterator[str]:
    """Dotted keys of all settings of a dataclass and of those within it."""
    for name, hint in typing.get_type_hints(cls).items():
        if dataclasses.is_dataclass(hint):
            yield from leaf_keys(hint, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def suggest(key: str, valid_keys: Iterable[str]) -> str:
    """The end of a message on an unknown key: the nearest valid one, or all of them."""
    valid_keys = sorted(valid_keys)
    same_leaf = [valid for valid in valid_keys if valid.rpartition(".")[2] == key.rpartition(".")[2]]
    near = difflib.get_close_matches(key, valid_keys, n=1, cutoff=0.6) or same_leaf
    return f"; did you mean {near[0]!r}?" if near else f"; valid are {', '.join(valid_keys)}"


def _require_names(cls: Any, values: Mapping[str, Any], prefix: str) -> None:
    fields = {field.name: field for field in dataclasses.fields(cls)}
    for name in values:
        if name not in fields:
            raise ConfigError(f"{prefix}{name}: unknown setting{suggest(str(name), fields)}")
    for name, field in fields.items():
        has_default = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        if name not in values and not has_default:
            raise ConfigError(f"{prefix}{name}: expected a value, found none")


def _convert(value: Any, hint: Any, key: str) -> Any:
    if isinstance(hint, types.UnionType):
        return _convert_to_one_of(value, typing.get_args(hint), key)
    if hint is int and isinstance(value, float) and value.is_integer():
        value = int(value)  # a cluster may write the value of a parameter so
    if not _has_shape(value, hint):
        raise ConfigError(f"{key}: expected {_describe(hint)}, got {value!r}")
    if dataclasses.is_dataclass(hint):
        return from_nested(typing.cast(type, hint), value, f"{key}.")
    if isinstance(hint, types.GenericAlias):
        return _convert_items(value, hint, key)
    if hint is float:
        return _convert_to_float(value, key)
    return value


def _convert_items(value: Any, hint: types.GenericAlias, key: str) -> Any:
    if hint.__origin__ is dict:
        return {name: _convert(item, hint.__args__[1], f"{key}.{name}") for name, item in value.items()}
    return tuple(_convert(item, hint.__args__[0], key) for item in value)


def _convert_to_one_of(value: Any, hints: tuple[Any, ...], key: str) -> Any:
    # An exact type comes first: true is no whole number, and 3 stays one where 3.0 would do as well.
    fitting = [hint for hint in hints if type(value) is hint] + [hint for hint in hints if _has_shape(value, hint)]
    if not fitting:
        raise ConfigError(f"{key}: expected {' or '.join(_describe(hint) for hint in hints)}, got {value!r}")
    return _convert(value, fitting[0], key)


def _convert_to_float(value: Any, key: str) -> float:
    try:
        return read_finite(value)
    except ValueError:
        raise ConfigError(f"{key}: expected {_KIND[float]}, got {value!r}") from None


def _has_shape(value: Any, hint: Any) -> bool:
    """Whether a value is of the kind that a type is made from; its parts may still be wrong."""
    if dataclasses.is_dataclass(hint) or typing.get_origin(hint) is dict:
        return isinstance(value, Mapping) and all(isinstance(name, str) for name in value)
    if typing.get_origin(hint) is tuple:
        return isinstance(value, list | tuple)
    if hint is float:  # YAML 1.1 reads 1e-3 as text, for want of a dot
        return isinstance(value, float | int | str) and not isinstance(value, bool)
    return isinstance(value, hint) and (hint is bool or not isinstance(value, bool))


def _describe(hint: Any) -> str:
    if dataclasses.is_dataclass(hint):
        return f"a mapping with {', '.join(field.name for field in dataclasses.fields(hint))}"
    if isinstance(hint, types.GenericAlias):
        return "a mapping" if hint.__origin__ is dict else "a list"
    return _KIND[hint]
