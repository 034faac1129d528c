"""ServingCheck: what InfraValidator does with a container engine, without one."""

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.serving_check.executor import Executor


class ServingCheckSpec(ComponentSpec):  # type: ignore[misc]
    """Inputs, output and parameter of the check."""

    PARAMETERS = {"code": ExecutionParameter(type=str)}
    INPUTS = {
        "model": ChannelParameter(type=standard_artifacts.Model),
        "examples": ChannelParameter(type=standard_artifacts.Examples),
    }
    OUTPUTS = {"blessing": ChannelParameter(type=standard_artifacts.InfraBlessing)}


class ServingCheck(base_component.BaseComponent):  # type: ignore[misc]
    """Blesses a model that TensorFlow's C++-side loader can load and that answers alike on every signature.

    Outputs:
        blessing: an InfraBlessing as Pusher expects it; the reason of a refusal is the content of its file.
    """

    SPEC_CLASS = ServingCheckSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, model: types.BaseChannel, examples: types.BaseChannel, code: str):
        super().__init__(
            ServingCheckSpec(
                model=model,
                examples=examples,
                code=code,
                blessing=types.Channel(type=standard_artifacts.InfraBlessing),
            )
        )
