"""The model whose weights a training begins with: the one in service when the newest data came.

Not the Evaluator's anchor, which may be a model of the same data. A training that began with a model of its own data
would begin with another one at each repetition. This answer stays the same, whatever is trained on the data, so that a
second run on unchanged input finds everything cached.
"""

from dataclasses import dataclass, field

from tfx import v1 as tfx
from tfx.dsl.components.base.base_node import BaseNode
from tfx.types import standard_artifacts
from tfx.types.channel import BaseChannel, Channel

from configs.spec import SpansConfig
from pipeline.acceptance import CURRENT_KEY, MODEL_KEY, PUSHED_KEY, AcceptedStrategy
from pipeline.fingerprint import compute_code_fingerprint


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
        strategy_class=AcceptedStrategy,
        config={"question": "warm_start"},
        **{
            MODEL_KEY: Channel(type=standard_artifacts.Model),
            PUSHED_KEY: Channel(type=standard_artifacts.PushedModel),
            CURRENT_KEY: examples,
        },
    ).with_id("WarmStart")
    settings = {"warm_start_code": compute_code_fingerprint("models.warm_start")}
    return WarmStart([node], node.outputs[MODEL_KEY], settings)
