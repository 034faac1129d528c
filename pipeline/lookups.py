"""What a run takes from earlier runs, as nodes of its graph; `pipeline.history.acceptance` says which artifacts.

On a cluster, where TFX runs no strategy of ours, a folder that all runs share holds a record of the same.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tfx import v1 as tfx
from tfx.dsl.components.base.base_node import BaseNode
from tfx.types import standard_artifacts
from tfx.types.channel import BaseChannel, Channel

from components.acceptance import LATENCY_MODEL_KEY, MODEL_KEY, SERVICE_MODEL_KEY
from components.published_baseline import PublishedBaseline, RecordAcceptance
from configs.spec import SpansConfig
from pipeline.history.acceptance import (
    CACHE_KEY,
    CANDIDATE_KEY,
    CURRENT_KEY,
    EXAMPLES_KEY,
    PUSHED_KEY,
    STATISTICS_KEY,
    AcceptedStrategy,
)


class Lookup(NamedTuple):
    """Nodes to add to the graph, and what they found, by key."""

    nodes: list[BaseNode]
    outputs: Mapping[str, BaseChannel]


class Comparison:
    """What a run is compared with. Its nodes belong to one graph."""

    def find_statistics(self, statistics: BaseChannel) -> Lookup:
        """What the data gate compares the current `statistics` with."""
        raise NotImplementedError

    def find_models(self, model: BaseChannel) -> Lookup:
        """What the candidate `model` is compared with: anchor, latency reference and model in service."""
        raise NotImplementedError

    def record(
        self, gate: BaseNode, statistics: BaseChannel, model: BaseChannel, pushed_model: BaseChannel
    ) -> list[BaseNode]:
        """Nodes that record for later runs what `gate` accepted and what was pushed."""
        return []


class MetadataComparison(Comparison):
    """Finds everything in ML Metadata, which records every run of this machine by itself."""

    def find_statistics(self, statistics: BaseChannel) -> Lookup:
        wanted = {STATISTICS_KEY: standard_artifacts.ExampleStatistics}
        return _resolve("PreviousStatistics", {"question": "statistics"}, wanted, {CURRENT_KEY: statistics})

    def find_models(self, model: BaseChannel) -> Lookup:
        wanted = dict.fromkeys((MODEL_KEY, LATENCY_MODEL_KEY, SERVICE_MODEL_KEY), standard_artifacts.Model)
        wanted[PUSHED_KEY] = standard_artifacts.PushedModel
        return _resolve("Baseline", {"question": "references"}, wanted, {CANDIDATE_KEY: model})


class PublishedComparison(Comparison):
    """Finds everything in a folder that the runs of a cluster share."""

    def __init__(self, folder: str, class_names: Sequence[str]):
        self._given = {"baseline_folder": folder, "classes": json.dumps(class_names)}
        self._reader = PublishedBaseline(**self._given).with_id("Baseline")

    def find_statistics(self, statistics: BaseChannel) -> Lookup:
        return Lookup([self._reader], self._reader.outputs)

    def find_models(self, model: BaseChannel) -> Lookup:
        """By the same node as the statistics."""
        return Lookup([], self._reader.outputs)

    def record(
        self, gate: BaseNode, statistics: BaseChannel, model: BaseChannel, pushed_model: BaseChannel
    ) -> list[BaseNode]:
        data = RecordAcceptance(**self._given, **{STATISTICS_KEY: statistics}).with_id("RecordData")
        data.add_upstream_node(gate)
        pushed = {MODEL_KEY: model, PUSHED_KEY: pushed_model}
        push = RecordAcceptance(**self._given, **pushed).with_id("RecordPush")
        # Both write the one record, so they must not write at the same time.
        push.add_upstream_node(data)
        return [data, push]


def find_span_window(
    config: SpansConfig, pattern: str, example_gen: BaseNode, remade: Sequence[BaseNode] = ()
) -> Lookup:
    """The newest accepted spans of data together, and what Transform has learned from the older ones.

    With a window of one span there is no node, and the examples are those of this run's `example_gen`. The data come
    from `pattern`, `{SPAN}` as it is. The look-up waits for `remade`, which ingest and judge older spans again.
    """
    current = example_gen.outputs[EXAMPLES_KEY]
    if config.window == 1:
        return Lookup([], {EXAMPLES_KEY: current})
    question = {"question": "spans", "window": config.window, "pattern": pattern}
    # Examples of all components: if this channel named one, TFX's compiler would take the two channels for one.
    window = _resolve("SpanWindow", question, {EXAMPLES_KEY: standard_artifacts.Examples}, {CURRENT_KEY: current})
    window.nodes[0].add_upstream_nodes(remade)
    wanted = {CACHE_KEY: standard_artifacts.TransformCache}
    cache = _resolve("PreviousAnalysis", {"question": "analysis"}, wanted, {CURRENT_KEY: current})
    outputs = {EXAMPLES_KEY: window.outputs[EXAMPLES_KEY], CACHE_KEY: cache.outputs[CACHE_KEY]}
    return Lookup([*window.nodes, *cache.nodes], outputs)


def find_first_weights(config: SpansConfig, examples: BaseChannel) -> Lookup:
    """The model that was in service when this run's `examples` came, if a warm start is asked for."""
    wanted = {MODEL_KEY: standard_artifacts.Model, PUSHED_KEY: standard_artifacts.PushedModel}
    if not config.warm_start:
        return Lookup([], {})
    return _resolve("WarmStart", {"question": "warm_start"}, wanted, {CURRENT_KEY: examples})


def _resolve(node_id: str, question: dict[str, Any], wanted: dict[str, Any], given: dict[str, BaseChannel]) -> Lookup:
    """A node that asks `AcceptedStrategy` for artifacts of the `wanted` types, of all runs; `given` are this run's."""
    channels = {key: Channel(type=artifact_type) for key, artifact_type in wanted.items()}
    node = tfx.dsl.Resolver(strategy_class=AcceptedStrategy, config=question, **channels, **given).with_id(node_id)
    return Lookup([node], node.outputs)
