"""AtomicPusher: TFX's Pusher, but a server that polls the folder never sees half a model."""

import json

from tfx import types
from tfx import v1 as tfx
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.component_spec import ChannelParameter

from components.artifacts import CARD_KEY, Card
from components.atomic_pusher.executor import CODE_FIELD, CONFIG_FIELD, LIFTED_FIELD, Executor
from configs.load import to_json
from configs.spec import ServingConfig


class AtomicPusherSpec(standard_component_specs.PusherSpec):  # type: ignore[misc]
    """TFX's, with the card and the evaluation as further inputs."""

    INPUTS = {
        **standard_component_specs.PusherSpec.INPUTS,
        CARD_KEY: ChannelParameter(type=Card),
        "evaluation": ChannelParameter(type=standard_artifacts.ModelEvaluation),
    }


class AtomicPusher(tfx.components.Pusher):  # type: ignore[misc]
    """Pushes a blessed model with its card, keeps the newest versions and gives the server their labels.

    Outputs:
        pushed_model: as from TFX's Pusher, with the properties of `components.acceptance` that say whether later models
            are compared with this one.
    """

    SPEC_CLASS = AtomicPusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        model_blessing: types.BaseChannel,
        infra_blessing: types.BaseChannel,
        card: types.BaseChannel,
        evaluation: types.BaseChannel,
        folder: str,
        config: ServingConfig,
        code: str,
        lifted: int = 0,
    ):
        """Declare inputs and settings.

        Args:
            model, model_blessing, infra_blessing, card, evaluation: of Trainer, Evaluator, ServingCheck, ModelCard and
                Evaluator.
            folder: of the versions, path or URI.
            config: names for the server, and how many versions to keep.
            code: fingerprint of the executor's sources, part of the cache key.
            lifted: how many versions were brought back after a push had been refused for them, so that such a refusal
                then misses the cache.
        """
        settings = {CONFIG_FIELD: to_json(config), CODE_FIELD: code, **({LIFTED_FIELD: str(lifted)} if lifted else {})}
        spec = AtomicPusherSpec(
            model=model,
            model_blessing=model_blessing,
            infra_blessing=infra_blessing,
            push_destination=tfx.proto.PushDestination(
                filesystem=tfx.proto.PushDestination.Filesystem(base_directory=folder)
            ),
            custom_config=json.dumps(settings, sort_keys=True),
            pushed_model=types.Channel(type=standard_artifacts.PushedModel),
            **{CARD_KEY: card, "evaluation": evaluation},
        )
        # TFX's own constructor takes no further inputs.
        base_component.BaseComponent.__init__(self, spec)
