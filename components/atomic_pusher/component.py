"""AtomicPusher: TFX's Pusher, but a server that polls the folder never sees half a model."""

from tfx import types
from tfx import v1 as tfx
from tfx.dsl.components.base import executor_spec

from components.atomic_pusher.executor import BASELINE_FIELD, CODE_FIELD, CONFIG_FIELD, Executor
from configs.load import to_json
from configs.spec import ServingConfig


class AtomicPusher(tfx.components.Pusher):  # type: ignore[misc]
    """Pushes a model that is blessed, keeps the newest versions and tells the server their labels.

    Outputs:
        pushed_model: as TFX's Pusher gives it.
    """

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        model_blessing: types.BaseChannel,
        infra_blessing: types.BaseChannel,
        folder: str,
        config: ServingConfig,
        code: str,
        baseline_folder: str = "",
    ):
        """Declare inputs and settings.

        Args:
            model: to push.
            model_blessing: of the Evaluator.
            infra_blessing: of ServingCheck.
            folder: of the versions, local or a bucket's URI.
            config: names for the server, and how many versions to keep.
            code: fingerprint of the sources beneath this component, so that an edit misses the cache.
            baseline_folder: where a cluster keeps what was pushed last: that model isn't pushed again. Empty: on this
                machine the cache sees to it.
        """
        super().__init__(
            model=model,
            model_blessing=model_blessing,
            infra_blessing=infra_blessing,
            push_destination=tfx.proto.PushDestination(
                filesystem=tfx.proto.PushDestination.Filesystem(base_directory=folder)
            ),
            custom_config={
                CONFIG_FIELD: to_json(config),
                CODE_FIELD: code,
                **({BASELINE_FIELD: baseline_folder} if baseline_folder else {}),
            },
        )
