"""ServingCheck: what InfraValidator does with a container engine, without one."""

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.serving_check.executor import Executor
from configs.spec import GateConfig


class ServingCheckSpec(ComponentSpec):  # type: ignore[misc]
    """Inputs, output and parameters of the check."""

    PARAMETERS = {
        "max_model_mb": ExecutionParameter(type=float),
        "max_latency_ratio": ExecutionParameter(type=float),
        "code": ExecutionParameter(type=str),
    }
    INPUTS = {
        "model": ChannelParameter(type=standard_artifacts.Model),
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "baseline_model": ChannelParameter(type=standard_artifacts.Model, optional=True),
    }
    OUTPUTS = {"blessing": ChannelParameter(type=standard_artifacts.InfraBlessing)}


class ServingCheck(base_component.BaseComponent):  # type: ignore[misc]
    """Blesses a model that TensorFlow's C++-side loader can load, whose signatures agree, and that is neither too large
    nor too slow.

    Outputs:
        blessing: an InfraBlessing as Pusher expects it; its file says why a model was refused, a line for each missed
            bound. `serving.json` beside it holds size and latency of a model that can be served.
    """

    SPEC_CLASS = ServingCheckSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        examples: types.BaseChannel,
        baseline_model: types.BaseChannel | None,
        gate: GateConfig,
        code: str,
    ):
        """Declare inputs and bounds.

        Args:
            model: the candidate.
            examples: the requests; the eval split is used.
            baseline_model: to compare the latency with; None, or one that resolves to nothing: no comparison.
            gate: the bounds on size and latency.
            code: fingerprint of the executor's sources, part of the cache key.
        """
        super().__init__(
            ServingCheckSpec(
                model=model,
                examples=examples,
                max_model_mb=gate.max_model_mb,
                max_latency_ratio=gate.max_latency_ratio,
                code=code,
                **({"baseline_model": baseline_model} if baseline_model is not None else {}),
                blessing=types.Channel(type=standard_artifacts.InfraBlessing),
            )
        )
