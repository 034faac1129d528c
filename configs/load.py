"""YAML files and `--set` overrides -> one frozen `PipelineConfig`; and the same dataclasses to and from JSON."""

import dataclasses
import json
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from configs.convert import Config, from_nested, leaf_keys, suggest
from configs.spec import PipelineConfig
from fer_tfx.errors import ConfigError

_MAX_DEPTH = 3
LOCAL_CONFIG = Path(__file__).with_name("local.yaml")
CLUSTER_CONFIGS = {target: Path(__file__).with_name(f"{target}.yaml") for target in ("kubeflow", "vertex")}


class _Setting(NamedTuple):
    value: Any
    origin: str  # where it was set, as `file:line` or `--set`


def load_config(
    path: str | Path = LOCAL_CONFIG, overrides: Sequence[str] = (), values: Mapping[str, Any] | None = None
) -> PipelineConfig:
    """Read the settings of a run.

    Args:
        path: a YAML file; what it leaves out keeps the default of `configs.spec`.
        overrides: `section.key=value`, values in YAML; later ones win.
        values: settings by dotted key, taken as they are; they win over all others.

    Raises:
        ConfigError: a file can't be read, a key is unknown (the nearest valid one is named) or given twice, or a value
            has the wrong type or range; the message starts with the file and line, or with `--set`.
    """
    settings: dict[str, _Setting] = {}
    for key, setting in _read_yaml(Path(path)):
        if key in settings:  # once as `trainer.epochs`, once as `epochs` below `trainer`
            raise ConfigError(
                f"{setting.origin}: {key!r} is already set at {settings[key].origin}; keep one of the two"
            )
        settings[key] = setting
    for override in overrides:
        key, setting = _parse_override(override)
        settings[key] = setting
    settings |= {key: _Setting(value, "command line") for key, value in (values or {}).items()}
    valid_keys = set(leaf_keys(PipelineConfig))
    for key, setting in settings.items():
        if key not in valid_keys:
            raise ConfigError(f"{setting.origin}: unknown setting {key!r}{suggest(key, valid_keys)}")
    return _build_with_origin(settings)


def to_json(config: Any) -> str:
    """The JSON text of a config dataclass, keys sorted so that equal configs give equal texts."""
    return json.dumps(dataclasses.asdict(config), sort_keys=True)


def from_json(cls: type[Config], text: str) -> Config:
    """The dataclass that `to_json` wrote."""
    return from_nested(cls, json.loads(text))


def to_yaml(config: PipelineConfig) -> str:
    """Every setting with its value, as a YAML file that `load_config` reads back."""
    plain = json.loads(json.dumps(dataclasses.asdict(config)))
    return yaml.safe_dump(plain, sort_keys=False, width=120)


def _read_yaml(path: Path) -> Iterator[tuple[str, _Setting]]:
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such configuration file; give an existing one with --config") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: can't be read as a configuration file: {error}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{path}:{line}: not valid YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {str(error).splitlines()[0]}") from None
    if root is not None:
        for first, second in _find_repeated_keys(root):
            raise ConfigError(
                f"{path}:{second.start_mark.line + 1}: {second.value!r} is already given in line"
                f" {first.start_mark.line + 1}; keep one of the two"
            )
        yield from _walk_yaml(root, "", path)


def _find_repeated_keys(root: yaml.Node) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    """Keys that stand twice in one mapping, each with its first place: YAML forbids them, PyYAML takes the last."""
    pending, visited = [root], set()
    while pending:
        node = pending.pop()
        if id(node) in visited or isinstance(node, yaml.ScalarNode):  # an alias may lead back to itself
            continue
        visited.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            pending += node.value
            continue
        firsts: dict[Any, yaml.Node] = {}
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and firsts.setdefault(key.value, key) is not key:
                yield firsts[key.value], key
            pending.append(value)


def _walk_yaml(node: yaml.Node, prefix: str, path: Path) -> Iterator[tuple[str, _Setting]]:
    if prefix.count(".") > _MAX_DEPTH:
        raise ConfigError(f"{path}:{node.start_mark.line + 1}: settings lie at most {_MAX_DEPTH} sections deep")
    origin = f"{path}:{node.start_mark.line + 1}"
    is_section = isinstance(node, yaml.MappingNode) and prefix.rstrip(".") not in set(_mapping_keys(PipelineConfig))
    if not is_section:
        if not prefix:
            raise ConfigError(f"{origin}: expected settings as `key: value`")
        key, setting = prefix.rstrip("."), _Setting(_construct(node, origin), origin)
        # A section whose lines are all commented out is empty, not wrong.
        if setting.value is not None or key not in _sections(PipelineConfig):
            yield key, setting
        return
    for key, value in node.value:
        yield from _walk_yaml(value, f"{prefix}{key.value}.", path)


def _construct(node: yaml.Node, origin: str) -> Any:
    try:
        return yaml.SafeLoader("").construct_object(node, deep=True)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ConfigError(f"{origin}: not a value that YAML can read; quote it") from None


def _parse_override(text: str) -> tuple[str, _Setting]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {text}: expected section.key=value, such as trainer.epochs=3")
    try:
        root = yaml.compose(value, Loader=yaml.SafeLoader) if value else None
        setting = _Setting(yaml.safe_load(value) if value else "", "--set")
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ConfigError(f"--set {text}: the value is not valid YAML; quote it") from None
    for _, repeated in _find_repeated_keys(root) if root else ():
        raise ConfigError(f"--set {text}: {repeated.value!r} is given twice; keep one of the two")
    return key.strip(), setting


def _sections(cls: Any, prefix: str = "") -> Iterator[str]:
    for name, hint in typing.get_type_hints(cls).items():
        if dataclasses.is_dataclass(hint):
            yield f"{prefix}{name}"
            yield from _sections(hint, f"{prefix}{name}.")


def _mapping_keys(cls: Any) -> Iterator[str]:
    """Dotted keys of the settings that are mappings themselves."""
    for name, hint in typing.get_type_hints(cls).items():
        if dataclasses.is_dataclass(hint):
            yield from (f"{name}.{key}" for key in _mapping_keys(hint))
        elif typing.get_origin(hint) is dict:
            yield name


def _build_with_origin(settings: dict[str, _Setting]) -> PipelineConfig:
    nested: dict[str, Any] = {}
    for key, setting in settings.items():
        *sections, leaf = key.split(".")
        target = nested
        for section in sections:
            target = target.setdefault(section, {})
        target[leaf] = setting.value
    try:
        return from_nested(PipelineConfig, nested)
    except ConfigError as error:
        # The message begins with its key, with a sum of keys, or with the key of something within a setting.
        keys = str(error).partition(":")[0].split(" + ")
        named = [setting for name, setting in settings.items() for key in keys if f"{key}.".startswith(f"{name}.")]
        raise ConfigError(f"{named[0].origin}: {error}" if named else str(error)) from None
