"""ModelCard: the card of a model, whether it passed the gates or was refused."""

import json
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.artifacts import CARD_KEY, Card, Quarantine
from components.model_card.executor import Executor


class ModelCardSpec(ComponentSpec):  # type: ignore[misc]
    """Inputs, output and parameters of the card."""

    PARAMETERS = {
        "settings": ExecutionParameter(type=str),
        "stage_code": ExecutionParameter(type=str),
        "code": ExecutionParameter(type=str),
    }
    INPUTS = {
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "quarantine": ChannelParameter(type=Quarantine),
        "model": ChannelParameter(type=standard_artifacts.Model),
        "evaluation": ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "model_blessing": ChannelParameter(type=standard_artifacts.ModelBlessing),
        "infra_blessing": ChannelParameter(type=standard_artifacts.InfraBlessing),
    }
    OUTPUTS = {CARD_KEY: ChannelParameter(type=Card)}


class ModelCard(base_component.BaseComponent):  # type: ignore[misc]
    """Writes `MODEL_CARD.md`, which Pusher puts beside the graph, from what the run measured; refuses nothing."""

    SPEC_CLASS = ModelCardSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, settings: dict[str, Any], stage_code: dict[str, str], code: str, **inputs: types.BaseChannel):
        """Declare inputs and settings.

        Args:
            settings: by section, only those that shape the model: a change of any other would make Pusher push a
                second copy of the same model.
            stage_code: fingerprint of the sources by component, of those that the model comes from.
            code: fingerprint of this component's own sources, so that an edit misses the cache.
            inputs: by the keys of the spec.
        """
        super().__init__(
            ModelCardSpec(
                settings=json.dumps(settings, sort_keys=True),
                stage_code=json.dumps(stage_code, sort_keys=True),
                code=code,
                **inputs,
                **{CARD_KEY: types.Channel(type=Card)},
            )
        )
