"""What a run is compared with: an earlier artifact, never the one that is being judged.

TFX's own LatestBlessedModelStrategy answers with the candidate itself once that has been blessed. A second
run on unchanged input would then evaluate and push the same model again; with these strategies it finds
the same baseline as the first and everything stays cached. What somebody has removed, or a run has set aside as
damaged, is no longer there to compare with and is passed over. On a cluster, where no such strategy can run, the last
push leaves in a shared folder what the next run is compared with.
"""

from typing import Any, Protocol

from tfx import v1 as tfx
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.common.resolver import ResolverStrategy
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import LatestBlessedModelStrategy
from tfx.dsl.io import fileio
from tfx.types import standard_artifacts
from tfx.types.channel import BaseChannel, Channel

from components.published_baseline.component import PublishBaseline, PublishedBaseline

MODEL_KEY = "model"
BLESSING_KEY = "model_blessing"
CANDIDATE_KEY = "candidate"
STATISTICS_KEY = "statistics"
CURRENT_KEY = "current"

ArtifactsByKey = dict[str, list[Any]]


class LatestOtherBlessedModelStrategy(ResolverStrategy):  # type: ignore[misc]
    """The latest blessed model other than the candidate whose folder is still there."""

    def resolve_artifacts(self, store: Any, input_dict: ArtifactsByKey) -> ArtifactsByKey | None:
        """Keys: `model` and `model_blessing` (all there are) and `candidate` (the one to leave out)."""
        candidates = {artifact.id for artifact in input_dict[CANDIDATE_KEY]}
        others = [each for each in input_dict[MODEL_KEY] if each.id not in candidates and fileio.exists(each.uri)]
        latest = LatestBlessedModelStrategy().resolve_artifacts(
            store, {MODEL_KEY: others, BLESSING_KEY: input_dict[BLESSING_KEY]}
        )
        return {**(latest or {MODEL_KEY: [], BLESSING_KEY: []}), CANDIDATE_KEY: input_dict[CANDIDATE_KEY]}


class PreviousStatisticsStrategy(ResolverStrategy):  # type: ignore[misc]
    """The statistics that were made last before the current ones and are still there."""

    def resolve_artifacts(self, store: Any, input_dict: ArtifactsByKey) -> ArtifactsByKey | None:
        """Keys: `statistics` (all there are) and `current`."""
        del store
        current = min(artifact.id for artifact in input_dict[CURRENT_KEY])
        earlier = [each for each in input_dict[STATISTICS_KEY] if each.id < current and fileio.exists(each.uri)]
        latest = max(earlier, key=lambda artifact: artifact.id, default=None)
        return {STATISTICS_KEY: [latest] if latest else [], CURRENT_KEY: input_dict[CURRENT_KEY]}


class Comparison(Protocol):
    """How a runner finds what a run is compared with. Its nodes belong to one graph."""

    def build_nodes_before_data_gate(self, statistics: BaseChannel) -> list[BaseNode]:
        """Nodes that the data gate waits for; `statistics` are the current ones."""

    def build_nodes_before_evaluation(self, model: BaseChannel) -> list[BaseNode]:
        """Further nodes that the evaluation waits for; `model` is the candidate."""

    def build_nodes_after_push(
        self, model: BaseChannel, statistics: BaseChannel, pushed_model: BaseChannel
    ) -> list[BaseNode]:
        """Nodes that keep for later runs what was pushed."""

    @property
    def folder(self) -> str:
        """Where the last push left what later runs are compared with; empty: in the metadata."""

    @property
    def previous_statistics(self) -> BaseChannel:
        """What the data gate compares with."""

    @property
    def baseline_model(self) -> BaseChannel:
        """What the evaluation compares with."""


class MetadataComparison:
    """Finds both in ML Metadata, where every run of this machine is."""

    folder = ""
    previous_statistics: BaseChannel
    baseline_model: BaseChannel

    def build_nodes_before_data_gate(self, statistics: BaseChannel) -> list[BaseNode]:
        node = tfx.dsl.Resolver(
            strategy_class=PreviousStatisticsStrategy,
            **{STATISTICS_KEY: Channel(type=standard_artifacts.ExampleStatistics), CURRENT_KEY: statistics},
        ).with_id("PreviousStatistics")
        self.previous_statistics = node.outputs[STATISTICS_KEY]
        return [node]

    def build_nodes_before_evaluation(self, model: BaseChannel) -> list[BaseNode]:
        node = tfx.dsl.Resolver(
            strategy_class=LatestOtherBlessedModelStrategy,
            **{
                MODEL_KEY: Channel(type=standard_artifacts.Model),
                BLESSING_KEY: Channel(type=standard_artifacts.ModelBlessing),
                CANDIDATE_KEY: model,
            },
        ).with_id("Baseline")
        self.baseline_model = node.outputs[MODEL_KEY]
        return [node]

    def build_nodes_after_push(
        self, model: BaseChannel, statistics: BaseChannel, pushed_model: BaseChannel
    ) -> list[BaseNode]:
        """None: the metadata has it all."""
        del model, statistics, pushed_model
        return []


class PublishedComparison:
    """Finds both in a folder that the runs of a cluster share, where the last push left them."""

    def __init__(self, folder: str):
        self.folder = folder
        self._reader = PublishedBaseline(folder).with_id("Baseline")

    @property
    def previous_statistics(self) -> BaseChannel:
        return self._reader.outputs[STATISTICS_KEY]

    @property
    def baseline_model(self) -> BaseChannel:
        return self._reader.outputs[MODEL_KEY]

    def build_nodes_before_data_gate(self, statistics: BaseChannel) -> list[BaseNode]:
        del statistics
        return [self._reader]

    def build_nodes_before_evaluation(self, model: BaseChannel) -> list[BaseNode]:
        """None: the one reader has brought the model too."""
        del model
        return []

    def build_nodes_after_push(
        self, model: BaseChannel, statistics: BaseChannel, pushed_model: BaseChannel
    ) -> list[BaseNode]:
        return [PublishBaseline(self.folder, model=model, statistics=statistics, pushed_model=pushed_model)]
