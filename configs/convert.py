"""Plain values from YAML or JSON -> frozen dataclasses. Pydantic checks them; its errors become one line each."""

import dataclasses
import difflib
import functools
import math
import operator
import re
import typing
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from fer_tfx.errors import ConfigError

Config = TypeVar("Config")
STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
# What was expected, by pydantic's type of error. Other errors have messages that fit.
_EXPECTED = {
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a finite number",
    "string_type": "text",
    "invalid_key": "text",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "dataclass_type": "a mapping",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
    "missing": "a value",
}


def _read_whole(value: Any) -> Any:
    """A cluster may write 7.0 for the parameter 7."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _read_number(value: Any) -> Any:
    """YAML 1.1 reads 1e-3 as text because it has no dot."""
    with suppress(ValueError):
        if isinstance(value, str) and math.isfinite(number := float(value)):
            return number
    return value


def _read_word(value: Any) -> Any:
    """A label may be a number, which YAML reads as one."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Bool = Annotated[bool, Field(strict=True)]
Int = Annotated[int, Field(strict=True), BeforeValidator(_read_whole)]
Float = Annotated[float, Field(strict=True), BeforeValidator(_read_number)]
Word = Annotated[str, BeforeValidator(_read_word)]


def matching(pattern: str, expected: str) -> AfterValidator:
    """Constrains text to a regular expression, which messages describe as `expected`."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise PydanticCustomError("pattern", "{expected}", {"expected": expected})
        return value

    return AfterValidator(check)


def from_nested(cls: type[Config], values: Mapping[str, Any]) -> Config:
    """A dataclass from nested mappings. Raises ConfigError if one is unknown, missing or not allowed."""
    try:
        return TypeAdapter(cls).validate_python(values)
    except ValidationError as error:
        raise ConfigError(_describe(cls, error.errors())) from None


def overlay(config: Config, values: Mapping[str, Any], given_by: str = "") -> Config:
    """A copy with other values, by dotted key such as `trainer.weight_decay`. Raises ConfigError like `from_nested`.

    The message begins with `given_by`, what holds the values, if that is no configuration of its own.
    """
    nested = dataclasses.asdict(config)  # type: ignore[call-overload]
    valid_keys = set(leaf_keys(type(config)))
    try:
        for key, value in values.items():
            if key not in valid_keys:
                raise ConfigError(f"{key}: unknown setting{suggest(key, valid_keys)}")
            *sections, leaf = key.split(".")
            functools.reduce(operator.getitem, sections, nested)[leaf] = value
        return from_nested(type(config), nested)
    except ConfigError as error:
        raise ConfigError(f"{given_by}: {error}" if given_by else str(error)) from None


def check_setting(cls: type[Any], key: str, value: Any) -> None:
    """Raise ConfigError if a setting, by its dotted key, doesn't take the value."""
    nested = functools.reduce(lambda inner, name: {name: inner}, reversed(key.split(".")), value)
    try:
        TypeAdapter(cls).validate_python(nested)
    except ValidationError as error:
        raise ConfigError(_describe(cls, error.errors())) from None
    except ConfigError:  # a rule that joins it with other settings, whose values are not known here
        return


def read_setting(config: Any, key: str) -> Any:
    """The value of a setting by its dotted key."""
    return operator.attrgetter(key)(config)


def leaf_keys(cls: Any, prefix: str = "") -> Iterator[str]:
    """Dotted keys of all settings of a dataclass and of the dataclasses nested in it."""
    for name, hint in typing.get_type_hints(cls).items():
        if dataclasses.is_dataclass(hint):
            yield from leaf_keys(hint, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def suggest(key: str, valid_keys: Iterable[str]) -> str:
    """The end of a message about an unknown key: the nearest valid one, or all of them."""
    valid_keys = sorted(valid_keys)
    same_leaf = [valid for valid in valid_keys if valid.rpartition(".")[2] == key.rpartition(".")[2]]
    near = difflib.get_close_matches(key, valid_keys, n=1, cutoff=0.6) or same_leaf
    return f"; did you mean {near[0]!r}?" if near else f"; valid are {', '.join(valid_keys)}"


def _describe(cls: Any, errors: list[ErrorDetails]) -> str:
    """One line about the deepest error; a union has one error for each of its members."""
    error = max(errors, key=lambda each: len(each["loc"]))
    key, owner = _locate(cls, error["loc"])
    if error["type"] == "unexpected_keyword_argument":
        return f"{key}: unknown setting{suggest(key.rpartition('.')[2], typing.get_type_hints(owner))}"
    alike = [each for each in errors if each["input"] is error["input"] and _locate(cls, each["loc"])[0] == key]
    words = [_EXPECTED.get(each["type"], each["msg"]).format(**each.get("ctx", {})) for each in alike]
    expected = " or ".join(dict.fromkeys(each.removeprefix("Input should be ") for each in words))
    return f"{key}: expected {expected}, got {'nothing' if error['type'] == 'missing' else repr(error['input'])}"


def _locate(cls: Any, location: tuple[int | str, ...]) -> tuple[str, Any]:
    """The dotted key of an error, without list positions and members of unions, and the dataclass that it lies in."""
    names, hint, owner = [], cls, cls
    for step in (each for each in location if each != "[key]"):
        members = typing.get_args(hint)
        if dataclasses.is_dataclass(hint):
            names.append(str(step))
            owner, hint = hint, typing.get_type_hints(hint).get(str(step))
        elif typing.get_origin(hint) is dict:
            names.append(str(step))
            hint = members[1]
        elif typing.get_origin(hint) is tuple:
            hint = members[0]
        elif members:
            hint = next((each for each in members if getattr(each, "__name__", "") == step), members[-1])
    return ".".join(names), owner
