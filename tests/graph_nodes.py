"""The nodes of a run's graph, unlinked, and the settings that one is given."""

import json
from typing import Any

from tfx.dsl.components.base.base_node import BaseNode

from configs.load import load_config
from pipeline.graph import Places, build_components
from pipeline.inputs import Input, resolve_earlier_models
from pipeline.lookups import MetadataComparison


def build_nodes(*overrides: str) -> dict[str, BaseNode]:
    """By name, with these settings."""
    config, data = load_config(overrides=overrides), Input("/data", {"labelled": "*.csv"})
    earlier = resolve_earlier_models(config)
    places = Places(data, "", "/serving", "/checkpoints", MetadataComparison(), earlier_models=earlier)
    return {node.id: node for node in build_components(config, places)}


def read_settings(node: BaseNode) -> dict[str, Any]:
    """Its `custom_config`."""
    settings: dict[str, Any] = json.loads(node.exec_properties["custom_config"])
    return settings
