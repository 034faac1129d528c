"""The model whose weights a training begins with: the one that was pushed last before the newest data came.

Not the Evaluator's baseline, though that is another earlier model: it may be one of the same data, the latest there
is, lest a gate lets through what is worse than what is in service. A training that began with a model of its own data
would begin with another one at each repetition. This answer stays the same, whatever is trained on the data, so that a
second run on unchanged input finds everything cached.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2
from tfx import v1 as tfx
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.common.resolver import ResolverStrategy
from tfx.dsl.io import fileio
from tfx.types import standard_artifacts
from tfx.types.channel import BaseChannel, Channel

from configs.spec import SpansConfig
from pipeline.fingerprint import compute_code_fingerprint
from serving.versions import is_rolled_back

MODEL_KEY, PUSHED_KEY, CURRENT_KEY = "model", "pushed_model", "current"
_INPUT, _OUTPUT = metadata_store_pb2.Event.INPUT, metadata_store_pb2.Event.OUTPUT

ArtifactsByKey = dict[str, list[Any]]


class LatestPushedModelStrategy(ResolverStrategy):  # type: ignore[misc]
    """The model that was pushed last before the current examples were ingested.

    Passed over is one that was rolled back since, or whose folder is gone.
    """

    def resolve_artifacts(self, store: Any, input_dict: ArtifactsByKey) -> ArtifactsByKey | None:
        """Keys: `model` and `pushed_model` (all there are) and `current` (this run's examples)."""
        (current,) = input_dict[CURRENT_KEY]
        models = {each.id: each for each in input_dict[MODEL_KEY] if fileio.exists(each.uri)}
        pushes = [each for each in input_dict[PUSHED_KEY] if each.id < current.id and _is_in_use(each)]
        for push in sorted(pushes, key=lambda each: each.id, reverse=True):
            if (model_id := _find_source(store, push.id)) in models:
                return {MODEL_KEY: [models[model_id]], PUSHED_KEY: [push], CURRENT_KEY: [current]}
        return {MODEL_KEY: [], PUSHED_KEY: [], CURRENT_KEY: [current]}


def _is_in_use(push: Any) -> bool:
    """Whether a model was pushed at all, and not taken back."""
    destination = push.get_string_custom_property("pushed_destination")
    return bool(push.get_int_custom_property("pushed")) and not is_rolled_back(Path(destination))


def _find_source(store: Any, push_id: int) -> int | None:
    """The model that a PushedModel is a copy of: the input of the execution that gave it out."""
    made_by = [each.execution_id for each in store.get_events_by_artifact_ids([push_id]) if each.type == _OUTPUT]
    events = store.get_events_by_execution_ids(made_by) if made_by else []
    inputs = (each for each in events if each.type == _INPUT and each.path.steps)
    return next((int(each.artifact_id) for each in inputs if each.path.steps[0].key == MODEL_KEY), None)


@dataclass(frozen=True)
class WarmStart:
    """What a Trainer gets of it."""

    nodes: list[BaseNode] = field(default_factory=list)
    base_model: BaseChannel | None = None
    trainer_settings: dict[str, str] = field(default_factory=dict)
    """What the Trainer must know besides."""


def build_warm_start(config: SpansConfig, examples: BaseChannel) -> WarmStart:
    """A look-up before the Trainer if a warm start is asked for, otherwise nothing.

    Args:
        config: the settings.
        examples: those that this run has ingested.
    """
    if not config.warm_start:
        return WarmStart()
    node = tfx.dsl.Resolver(
        strategy_class=LatestPushedModelStrategy,
        **{
            MODEL_KEY: Channel(type=standard_artifacts.Model),
            PUSHED_KEY: Channel(type=standard_artifacts.PushedModel),
            CURRENT_KEY: examples,
        },
    ).with_id("WarmStart")
    settings = {"warm_start_code": compute_code_fingerprint("models.warm_start")}
    return WarmStart([node], node.outputs[MODEL_KEY], settings)
