"""YAML files and `--set` overrides -> one frozen `PipelineConfig`; and the same dataclasses to and from JSON."""

import dataclasses
import json
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
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
    """Refuses a key given twice in one mapping, which YAML forbids; PyYAML would take the last."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        firsts: dict[Any, yaml.Node] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and (first := firsts.setdefault(key.value, key)) is not key:
                problem = f"{key.value!r} is already given in line {first.start_mark.line + 1}; keep one of the two"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
        return node


class _TextLoader(_Loader):
    """Every value is text: 010, no and 2020-01-01 as well."""


_TextLoader.yaml_implicit_resolvers = {}


class _OverrideLoader(_Loader):
    """Whole numbers are decimal: at a prompt 010 is meant as 10, and YAML 1.1 reads 8."""


_INT_TAG = "tag:yaml.org,2002:int"
_OverrideLoader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] not in (_INT_TAG, "tag:yaml.org,2002:timestamp")]
    for first, pairs in _Loader.yaml_implicit_resolvers.items()
}
_OverrideLoader.add_implicit_resolver(_INT_TAG, re.compile(r"[-+]?[0-9][0-9_]*$"), [*"-+0123456789"])
_OverrideLoader.add_constructor(_INT_TAG, lambda _, node: int(node.value))


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
        value = _construct(node, origin)
        # A section with all its lines commented out is empty, not wrong.
        if value is not None or not any(leaf.startswith(f"{key}.") for leaf in _LEAF_KEYS):
            yield key, value, origin


def _parse_override(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {text}: expected section.key=value, such as trainer.epochs=3")
    key = key.strip()
    hint: Any = PipelineConfig
    for name in key.split(".") if key in _LEAF_KEYS else ():
        hint = typing.get_type_hints(hint)[name]
    if hint is str or not value:
        return key, value
    loader = _TextLoader if {*typing.get_args(hint), ...} == {str, ...} else _OverrideLoader
    node = _compose(value, f"--set {text}", loader)
    return key, _construct(node, f"--set {text}", loader) if node else None


def _compose(text: str, place: str, loader: Any = _Loader) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=loader)
    except (yaml.YAMLError, RecursionError) as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        line = f":{mark.line + 1}" if mark and "\n" in text else ""
        raise ConfigError(f"{place}{line}: not valid YAML: {problem or str(error).splitlines()[0]}") from None


def _construct(node: yaml.Node, place: str, loader: Any = _Loader) -> Any:
    try:
        return loader("").construct_object(node, deep=True)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ConfigError(f"{place}: not a value that YAML can read; quote it") from None
