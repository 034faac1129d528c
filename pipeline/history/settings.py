"""The settings and the code that a run was made of, from what its nodes were given."""

import json
from collections.abc import Iterator
from typing import Any

from pipeline.lineage import Properties, RunRecord

SETTINGS_NOTE = "settings"
# By node: the sections of the configuration that it is given, as JSON texts of these names.
_SECTIONS = {"Trainer": ("model", "trainer", "export"), "Pusher": ("serving",)}


def read_settings(run: RunRecord) -> dict[str, Any]:
    """By dotted key: from the run's own note; for a run that left none, only what its nodes were given."""
    noted = run.notes.get(SETTINGS_NOTE)
    nested = json.loads(str(noted)) if noted else _gather_settings(run)
    return dict(_flatten(nested, ""))


def has_all_settings(run: RunRecord) -> bool:
    """Whether the run noted its whole configuration."""
    return SETTINGS_NOTE in run.notes


def read_settings_of_node(node: str, parameters: Properties) -> dict[str, Any]:
    """Settings that a node was given, by dotted key."""
    return dict(_flatten(_gather_of_node(node, parameters), ""))


def read_code(parameters: Properties) -> dict[str, str]:
    """Fingerprints of code among a node's parameters, by name (`code`, `training_code`); several are joined by `+`."""
    found: dict[str, list[str]] = {}
    for key, value in _walk(_unfold(dict(parameters))):
        if key.endswith("code") and isinstance(value, str) and value and value not in found.get(key, []):
            found.setdefault(key, []).append(value)
    return {key: "+".join(sorted(values)) for key, values in sorted(found.items())}


def _gather_settings(run: RunRecord) -> dict[str, Any]:
    sections: dict[str, Any] = {}
    for name, node in run.nodes.items():
        sections |= _gather_of_node(name, node.parameters)
    return sections


def _gather_of_node(node: str, parameters: Properties) -> dict[str, Any]:
    values = dict(_walk(_unfold(dict(parameters))))
    if node == "FerExampleGen":
        return {"data": values["config"]} if "config" in values else {}
    return {section: values[section] for section in _SECTIONS.get(node, ()) if section in values}


def _unfold(value: Any) -> Any:
    """JSON within texts, however deep, as what it stands for: TFX packs parameters as texts, and ours lie in those."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return _unfold(json.loads(value))
        except ValueError:
            return value
    if isinstance(value, dict):
        return {key: _unfold(each) for key, each in value.items()}
    return [_unfold(each) for each in value] if isinstance(value, list) else value


def _walk(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key with its value, at whatever depth."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield key, each
            yield from _walk(each)
    elif isinstance(value, list):
        for each in value:
            yield from _walk(each)


def _flatten(nested: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in nested.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
