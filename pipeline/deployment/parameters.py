"""Parameters of a compiled pipeline: what it declares, and the values that a caller gives."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import FiniteFloat, TypeAdapter

from configs.convert import suggest
from fer_tfx.errors import ConfigError

_READERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "STRING": ("text", str),
    "NUMBER_INTEGER": ("a whole number", int),
    "NUMBER_DOUBLE": ("a finite number", TypeAdapter(FiniteFloat).validate_python),
    "BOOLEAN": ("true or false", lambda text: {"true": True, "false": False}[text.lower()]),
    "LIST": ("a list in JSON", json.loads),
    "STRUCT": ("an object in JSON", json.loads),
}


def resolve_parameters(
    declared: Mapping[str, Any], given: Mapping[str, Any], overrides: Sequence[str]
) -> dict[str, Any]:
    """A value for every parameter: the caller's, else the file's, else the default.

    Args:
        declared: by name a ParameterSpec of pipeline_spec.proto, in JSON.
        given: values that the file brings.
        overrides: `name=value`; later ones win.

    Raises:
        ConfigError: an unknown name (the nearest is named), a value of another type, or none where one is needed.
    """
    defaults = {name: spec["defaultValue"] for name, spec in declared.items() if "defaultValue" in spec}
    values = {**defaults, **given, **dict(_read_override(text, declared) for text in overrides)}
    for name, spec in declared.items():
        if name not in values and not spec.get("isOptional"):
            raise ConfigError(f"parameter {name}: has no value and no default; give --param {name}=VALUE")
    return values


def _read_override(text: str, declared: Mapping[str, Any]) -> tuple[str, Any]:
    name, separator, value = text.partition("=")
    if not separator:
        raise ConfigError(f"--param {text}: expected name=value")
    if name not in declared:
        raise ConfigError(f"--param {name}: the pipeline has no such parameter{suggest(name, declared)}")
    expected, read = _READERS[declared[name].get("parameterType", "STRING")]
    try:
        return name, read(value)
    except (KeyError, ValueError):
        raise ConfigError(f"--param {name}: expected {expected}, got {value!r}") from None
