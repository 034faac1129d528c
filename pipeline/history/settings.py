"""What a run was made of: its settings, the fingerprints of its code, the files it read."""

import hashlib
import json
import os
from collections.abc import Iterator
from typing import Any

from fer_tfx.contract import LABELLED_INPUT
from pipeline.history.records import Properties, RunRecord

SETTINGS_NOTE = "settings"
# By node: the sections of the configuration that it is given, as JSON texts with these names.
_SECTIONS = {"Trainer": ("model", "trainer", "export"), "Pusher": ("serving",)}


def read_settings(run: RunRecord) -> dict[str, Any]:
    """By dotted key: from the run's own note; without one, only what its nodes were given."""
    if has_all_settings(run):
        return dict(_flatten(json.loads(str(run.notes[SETTINGS_NOTE]))))
    nodes = run.nodes.items()
    return {key: value for name, node in nodes for key, value in read_node_settings(name, node.parameters).items()}


def has_all_settings(run: RunRecord) -> bool:
    """Whether the run noted its whole configuration."""
    return SETTINGS_NOTE in run.notes


def read_node_settings(node: str, parameters: Properties) -> dict[str, Any]:
    """Settings that a node was given, by dotted key."""
    values = dict(_walk(_unfold(dict(parameters))))
    if node == "FerExampleGen":
        return dict(_flatten({"data": values["config"]})) if "config" in values else {}
    return dict(_flatten({section: values[section] for section in _SECTIONS.get(node, ()) if section in values}))


def read_code(parameters: Properties) -> dict[str, str]:
    """Fingerprints of code among a node's parameters, by name (`code`, `training_code`); several are joined by `+`."""
    found: dict[str, set[str]] = {}
    for key, value in _walk(_unfold(dict(parameters))):
        if key.endswith("code") and isinstance(value, str) and value:
            found.setdefault(key, set()).add(value)
    return {key: "+".join(sorted(values)) for key, values in sorted(found.items())}


def read_sources(parameters: Properties) -> dict[str, str]:
    """The files that a node read and no node made, by name: the schema, or each input with its fingerprint.

    The fingerprint is TFX's own: number and bytes of the files, and two sums over the times they were changed.
    """
    if "schema_text" in parameters:
        return {"schema": f"sha256 {hashlib.sha256(str(parameters['schema_text']).encode()).hexdigest()[:16]}"}
    if "schema_file" in parameters:  # in runs before the schema travelled as text
        return {"schema_file": str(parameters["schema_file"])}
    # `split:labelled,num_files:1,...`, a line for each input.
    lines = [line.split(",") for line in str(parameters.get("input_fingerprint", "")).splitlines()]
    prints = {name: ", ".join(rest).replace(":", " ") for name, *rest in lines}
    return {
        name: "; ".join(filter(None, (pattern, prints.get(f"split:{name}"))))
        for name, pattern in _list_patterns(parameters).items()
    }


def locate_labelled(parameters: Properties) -> str:
    """The pattern of an ingestion's labelled files, its span filled in; empty: it was no ingestion."""
    return _list_patterns(parameters).get(LABELLED_INPUT, "")


def _list_patterns(parameters: Properties) -> dict[str, str]:
    base = str(parameters.get("input_base", ""))
    splits = json.loads(str(parameters.get("input_config", "{}"))).get("splits", [])
    return {each["name"]: os.path.join(base, each["pattern"]) for each in splits}


def _unfold(value: Any) -> Any:
    """Parses JSON within texts, at any depth: TFX packs parameters as texts, which hold ours."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return _unfold(json.loads(value))
        except ValueError:
            return value
    if isinstance(value, dict):
        return {key: _unfold(each) for key, each in value.items()}
    return [_unfold(each) for each in value] if isinstance(value, list) else value


def _walk(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key with its value, at any depth."""
    for key, each in value.items() if isinstance(value, dict) else ():
        yield key, each
        yield from _walk(each)
    for each in value if isinstance(value, list) else ():
        yield from _walk(each)


def _flatten(nested: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in nested.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
