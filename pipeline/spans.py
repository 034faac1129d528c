"""Data that comes in spans: the newest ones together, and what Transform has already learnt from the older ones.

As with `pipeline.baseline`, an answer depends on what was there before the newest span came, so that a second run on
unchanged input finds the same and everything stays cached.
"""

from typing import Any, NamedTuple

from tfx import v1 as tfx
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.common.resolver import ResolverStrategy
from tfx.types import standard_artifacts
from tfx.types.channel import BaseChannel, Channel

from components.span_trainer import read_span as _read_span
from configs.spec import SpansConfig

EXAMPLES_KEY = "examples"
CACHE_KEY = "analyzer_cache"
CURRENT_KEY = "current"

ArtifactsByKey = dict[str, list[Any]]


class LatestSpansStrategy(ResolverStrategy):  # type: ignore[misc]
    """The current span and those before it, the latest version of each.

    Args:
        window: how many spans at most.
    """

    def __init__(self, window: int) -> None:
        self._window = window

    def resolve_artifacts(self, store: Any, input_dict: ArtifactsByKey) -> ArtifactsByKey | None:
        """Keys: `examples` (all there are, of other components too) and `current`."""
        del store
        (current,) = input_dict[CURRENT_KEY]
        by_span = {_read_span(current): current}
        earlier = [each for each in input_dict[EXAMPLES_KEY] if each.id < current.id and _is_like(each, current)]
        for artifact in sorted(earlier, key=lambda each: each.id, reverse=True):
            if _read_span(artifact) < _read_span(current):
                by_span.setdefault(_read_span(artifact), artifact)
        newest = sorted(by_span)[-self._window :]
        return {EXAMPLES_KEY: [by_span[span] for span in newest], CURRENT_KEY: [current]}


class PreviousCacheStrategy(ResolverStrategy):  # type: ignore[misc]
    """What Transform's analysis left behind last, before the current span was ingested."""

    def resolve_artifacts(self, store: Any, input_dict: ArtifactsByKey) -> ArtifactsByKey | None:
        """Keys: `analyzer_cache` (all there are) and `current`."""
        del store
        (current,) = input_dict[CURRENT_KEY]
        earlier = [artifact for artifact in input_dict[CACHE_KEY] if artifact.id < current.id]
        latest = max(earlier, key=lambda artifact: artifact.id, default=None)
        return {CACHE_KEY: [latest] if latest else [], CURRENT_KEY: [current]}


def _is_like(one: Any, other: Any) -> bool:
    """Whether two artifacts come from the same output: TFX gives those one folder, and each a number in it."""
    return bool(one.uri.rpartition("/")[0] == other.uri.rpartition("/")[0])


class SpanWindow(NamedTuple):
    """Nodes to put before Transform, and what it and the Trainer read."""

    nodes: list[BaseNode]
    examples: BaseChannel
    analyzer_cache: BaseChannel | None


def build_span_window(config: SpansConfig, example_gen: BaseNode) -> SpanWindow:
    """With a window of one span: no node, and the examples as they come."""
    current = example_gen.outputs[EXAMPLES_KEY]
    if config.window == 1:
        return SpanWindow([], current, None)
    # Of all components: were this one named, TFX's compiler would take the two channels for one.
    everything = Channel(type=standard_artifacts.Examples)
    window = tfx.dsl.Resolver(
        strategy_class=LatestSpansStrategy,
        config={"window": config.window},
        **{EXAMPLES_KEY: everything, CURRENT_KEY: current},
    ).with_id("SpanWindow")
    cache = tfx.dsl.Resolver(
        strategy_class=PreviousCacheStrategy,
        **{CACHE_KEY: Channel(type=standard_artifacts.TransformCache), CURRENT_KEY: current},
    ).with_id("PreviousAnalysis")
    return SpanWindow([window, cache], window.outputs[EXAMPLES_KEY], cache.outputs[CACHE_KEY])
