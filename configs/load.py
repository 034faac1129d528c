"""YAML files and `--set` overrides -> one frozen `PipelineConfig`; and the same dataclasses to and from JSON."""

import dataclasses
import json
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from configs.convert import Config, from_nested, leaf_keys, overlay
from configs.spec import PipelineConfig
from fer_tfx.errors import ConfigError

CLUSTER_CONFIGS = {target: Path(__file__).with_name(f"{target}.yaml") for target in ("kubeflow", "vertex")}
_LEAF_KEYS = set(leaf_keys(PipelineConfig))


class _Loader(yaml.SafeLoader):
    """Refuses a key given twice in one mapping, which YAML forbids; PyYAML would take the last.

    Numbers are decimal, and dates are text: 010 is meant as 10 and 1:30 as no number, where YAML 1.1 reads 8 and 90.
    """

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        firsts: dict[Any, yaml.Node] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and (first := firsts.setdefault(key.value, key)) is not key:
                problem = f"{key.value!r} is already given in line {first.start_mark.line + 1}; keep one of the two"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
        return node


_TAG = "tag:yaml.org,2002:"
_INT_TAG, _FLOAT_TAG, _TEXT_TAG, _NULL_TAG = (f"{_TAG}{each}" for each in ("int", "float", "str", "null"))
_Loader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] not in (_INT_TAG, _FLOAT_TAG, f"{_TAG}timestamp")]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_DIGITS = r"[0-9]+(?:_[0-9]{3})*"
_Loader.add_implicit_resolver(_INT_TAG, re.compile(rf"[-+]?{_DIGITS}$"), [*"-+0123456789"])
_Loader.add_constructor(_INT_TAG, lambda _, node: int(node.value))
_FLOAT = rf"[-+]?(?:\.[0-9]+|{_DIGITS}\.[0-9]*)(?:[eE][-+]?[0-9]+)?$|[-+]?\.(?:inf|Inf|INF)$|\.(?:nan|NaN|NAN)$"
_Loader.add_implicit_resolver(_FLOAT_TAG, re.compile(_FLOAT), [*"-+.0123456789"])


def load_config(
    path: str | Path | None = None, overrides: Sequence[str] = (), values: Mapping[str, Any] | None = None
) -> PipelineConfig:
    """The settings of a YAML file, then of `section.key=value` overrides, then of `values` by key; later ones win.

    A file that names another as its `base`, relative to its own folder, changes the settings of that one. An override
    of a setting that holds text is that text as it is; any other is YAML. Messages of ConfigError start with the file
    and line, or with `--set`.
    """
    settings = _read_file(Path(path)) if path else {}
    settings |= {key: (value, "--set") for key, value in map(_parse_override, overrides)}
    settings |= {key: (value, "command line") for key, value in (values or {}).items()}
    try:
        return overlay(PipelineConfig(), {key: value for key, (value, _) in settings.items()})
    except ConfigError as error:
        # The message begins with its key, with a sum of keys, or with the key of something within a setting.
        keys = str(error).partition(": ")[0].split(" + ")
        named = [origin for name, (_, origin) in settings.items() for key in keys if f"{key}.".startswith(f"{name}.")]
        raise ConfigError(": ".join([*named[:1], str(error)])) from None


def to_json(config: Any) -> str:
    """The JSON text of a config dataclass, keys sorted so that equal configs give equal texts."""
    return json.dumps(dataclasses.asdict(config), sort_keys=True)


def from_json(cls: type[Config], text: str) -> Config:
    """The dataclass that `to_json` wrote."""
    return from_nested(cls, json.loads(text))


def to_yaml(config: PipelineConfig) -> str:
    """Every setting with its value, as a YAML file that `load_config` reads back."""
    return yaml.safe_dump(json.loads(json.dumps(dataclasses.asdict(config))), sort_keys=False, width=120)


def _read_file(path: Path, named_at: Mapping[Path, str] = MappingProxyType({})) -> dict[str, tuple[Any, str]]:
    """Value and `file:line` of each setting by its dotted key; `named_at` has the files that this one is a base of."""
    origins = list(named_at.values())
    place = f"{origins[-1]}: base: {path}" if origins else str(path)
    try:
        root = _compose(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        remedy = "name one relative to this file" if origins else "give an existing one with --config"
        raise ConfigError(f"{place}: no such configuration file; {remedy}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{place}: can't be read as a configuration file: {error}") from None
    root = root or yaml.MappingNode("", [])
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(f"{path}:{root.start_mark.line + 1}: expected settings as `key: value`")
    settings: dict[str, tuple[Any, str]] = {}
    for key, value, origin in _walk(root, "", path):
        if key in settings:  # once as `trainer.epochs`, once as `epochs` below `trainer`
            raise ConfigError(f"{origin}: {key!r} is already set at {settings[key][1]}; keep one of the two")
        settings[key] = value, origin
    base, origin = settings.pop("base", (None, ""))
    if base is None:
        return settings
    if not isinstance(base, str):
        raise ConfigError(f"{origin}: base: expected a configuration file, got {base!r}")
    named_at = {**named_at, path.resolve(): origin}
    if (path.parent / base).resolve() in named_at:
        raise ConfigError(f"{origin}: base: {base} builds on this file; take one of the two lines out")
    return _read_file(path.parent / base, named_at) | settings


def _walk(section: yaml.MappingNode, prefix: str, path: Path) -> Iterator[tuple[str, Any, str]]:
    for name, node in section.value:
        key, origin = f"{prefix}{name.value}", f"{path}:{node.start_mark.line + 1}"
        if isinstance(node, yaml.MappingNode) and key not in _LEAF_KEYS and key.count(".") < 3:
            yield from _walk(node, f"{key}.", path)
            continue
        value = _construct(_read_as_text(node) if _takes_text(key) else node, origin)
        # A section with all its lines commented out is empty, not wrong.
        if value is not None or not any(leaf.startswith(f"{key}.") for leaf in _LEAF_KEYS):
            yield key, value, origin


def _parse_override(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {text}: expected section.key=value, such as trainer.epochs=3")
    key = key.strip()
    if _find_type(key) is str or not value:
        return key, value
    node = _compose(value, f"--set {text}")
    if node and _takes_text(key):
        node = _read_as_text(node)
    return key, _construct(node, f"--set {text}") if node else None


def _find_type(key: str) -> Any:
    """Of a setting, without its bounds; None: there is no such setting."""
    hint: Any = PipelineConfig if key in _LEAF_KEYS else None
    for name in key.split(".") if hint else ():
        hint = typing.get_type_hints(hint)[name]
    return hint


def _takes_text(key: str) -> bool:
    """Whether a setting holds text alone, or a list or mapping of nothing else."""

    def is_text(hint: Any) -> bool:
        parts = [each for each in typing.get_args(hint) if each is not ...]
        return hint is str or (bool(parts) and all(map(is_text, parts)))

    return is_text(_find_type(key))


def _read_as_text(node: yaml.Node) -> yaml.Node:
    """The same with each value as it is written: a label may be 010, no or 2020-01-01."""
    is_empty = node.tag == _NULL_TAG  # which is no text unless it stands in a list or mapping
    for each in () if is_empty else _list_scalars(node):
        if each.tag.startswith(_TAG):  # and not one that was made up
            each.tag = _TEXT_TAG
    return node


def _list_scalars(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.ScalarNode):
        yield node
    else:
        for part in chain.from_iterable(node.value) if isinstance(node, yaml.MappingNode) else node.value:
            yield from _list_scalars(part)


def _compose(text: str, place: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=_Loader)
    except (yaml.YAMLError, RecursionError) as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        line = f":{mark.line + 1}" if mark and "\n" in text else ""
        raise ConfigError(f"{place}{line}: not valid YAML: {problem or str(error).splitlines()[0]}") from None


def _construct(node: yaml.Node, place: str) -> Any:
    try:
        return _Loader("").construct_object(node, deep=True)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ConfigError(f"{place}: not a value that YAML can read; quote it") from None
