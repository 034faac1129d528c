"""The nodes of a run's graph, unlinked, and the settings that one is given."""

import json
from typing import Any

from tfx.dsl.components.base.base_node import BaseNode

from configs.load import load_config
from pipeline.graph import Places, build_components
from pipeline.inputs import Input
from pipeline.lookups import MetadataComparison


def build_nodes(*overrides: str) -> dict[str, BaseNode]:
    """By name, with these settings."""
    places = Places(Input("/data", {"labelled": "*.csv"}), "", "/serving", "/checkpoints", MetadataComparison())
    return {node.id: node for node in build_components(load_config(overrides=overrides), places)}


def read_settings(node: BaseNode) -> dict[str, Any]:
    """Its `custom_config`."""
    settings: dict[str, Any] = json.loads(node.exec_properties["custom_config"])
    return settings
