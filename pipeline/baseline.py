"""What a run is compared with, as nodes of its graph: `pipeline.acceptance` says which artifacts those are.

On a cluster, where no strategy of ours can run, a folder that all runs share holds a record of the same.
"""

from typing import Protocol

from tfx import v1 as tfx
from tfx.dsl.components.base.base_node import BaseNode
from tfx.types import standard_artifacts
from tfx.types.channel import BaseChannel, Channel

from components.published_baseline.component import PublishedBaseline, RecordAcceptance
from pipeline.acceptance import (
    CANDIDATE_KEY,
    CURRENT_KEY,
    LATENCY_MODEL_KEY,
    MODEL_KEY,
    PUSHED_KEY,
    SERVICE_MODEL_KEY,
    STATISTICS_KEY,
    AcceptedStrategy,
)


class Comparison(Protocol):
    """How a runner finds what a run is compared with. Its nodes belong to one graph."""

    def build_nodes_before_data_gate(self, statistics: BaseChannel) -> list[BaseNode]:
        """Nodes that the data gate waits for; `statistics` are the current ones."""

    def build_nodes_before_evaluation(self, model: BaseChannel) -> list[BaseNode]:
        """Further nodes that the evaluation waits for; `model` is the candidate."""

    def build_nodes_after_acceptance(
        self, gate: BaseNode, statistics: BaseChannel, model: BaseChannel, pushed_model: BaseChannel
    ) -> list[BaseNode]:
        """Nodes that keep for later runs what `gate` let through and what was pushed."""

    @property
    def previous_statistics(self) -> BaseChannel:
        """What the data gate compares with."""

    @property
    def anchor(self) -> BaseChannel:
        """The model that the evaluation compares with."""

    @property
    def latency_model(self) -> BaseChannel:
        """The model that the latency is compared with."""

    @property
    def service_model(self) -> BaseChannel:
        """The model in service."""


class MetadataComparison:
    """Finds all in ML Metadata, where every run of this machine is."""

    previous_statistics: BaseChannel
    anchor: BaseChannel
    latency_model: BaseChannel
    service_model: BaseChannel

    def build_nodes_before_data_gate(self, statistics: BaseChannel) -> list[BaseNode]:
        node = tfx.dsl.Resolver(
            strategy_class=AcceptedStrategy,
            config={"question": "statistics"},
            **{STATISTICS_KEY: Channel(type=standard_artifacts.ExampleStatistics), CURRENT_KEY: statistics},
        ).with_id("PreviousStatistics")
        self.previous_statistics = node.outputs[STATISTICS_KEY]
        return [node]

    def build_nodes_before_evaluation(self, model: BaseChannel) -> list[BaseNode]:
        node = tfx.dsl.Resolver(
            strategy_class=AcceptedStrategy,
            config={"question": "references"},
            **{
                key: Channel(type=standard_artifacts.Model) for key in (MODEL_KEY, LATENCY_MODEL_KEY, SERVICE_MODEL_KEY)
            },
            **{PUSHED_KEY: Channel(type=standard_artifacts.PushedModel), CANDIDATE_KEY: model},
        ).with_id("Baseline")
        self.anchor, self.latency_model, self.service_model = (
            node.outputs[key] for key in (MODEL_KEY, LATENCY_MODEL_KEY, SERVICE_MODEL_KEY)
        )
        return [node]

    def build_nodes_after_acceptance(
        self, gate: BaseNode, statistics: BaseChannel, model: BaseChannel, pushed_model: BaseChannel
    ) -> list[BaseNode]:
        """None: the metadata has it all."""
        del gate, statistics, model, pushed_model
        return []


class PublishedComparison:
    """Finds all in a folder that the runs of a cluster share, which holds a record of what was accepted."""

    def __init__(self, folder: str):
        self._folder = folder
        self._reader = PublishedBaseline(folder).with_id("Baseline")

    @property
    def previous_statistics(self) -> BaseChannel:
        return self._reader.outputs[STATISTICS_KEY]

    @property
    def anchor(self) -> BaseChannel:
        return self._reader.outputs[MODEL_KEY]

    @property
    def latency_model(self) -> BaseChannel:
        return self._reader.outputs[LATENCY_MODEL_KEY]

    @property
    def service_model(self) -> BaseChannel:
        return self._reader.outputs[SERVICE_MODEL_KEY]

    def build_nodes_before_data_gate(self, statistics: BaseChannel) -> list[BaseNode]:
        del statistics
        return [self._reader]

    def build_nodes_before_evaluation(self, model: BaseChannel) -> list[BaseNode]:
        """None: the one reader has brought the model too."""
        del model
        return []

    def build_nodes_after_acceptance(
        self, gate: BaseNode, statistics: BaseChannel, model: BaseChannel, pushed_model: BaseChannel
    ) -> list[BaseNode]:
        data = RecordAcceptance(self._folder, **{STATISTICS_KEY: statistics}).with_id("RecordData")
        data.add_upstream_node(gate)
        push = RecordAcceptance(self._folder, **{MODEL_KEY: model, PUSHED_KEY: pushed_model}).with_id("RecordPush")
        # Both write the one record: at the same time one would undo what the other has written.
        push.add_upstream_node(data)
        return [data, push]
