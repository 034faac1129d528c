"""GatedBulkInferrer: TFX's BulkInferrer, but a model that can't be served predicts nothing."""

from tfx import types
from tfx import v1 as tfx
from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.proto import bulk_inferrer_pb2
from tfx.types import standard_artifacts, standard_component_specs
from tfx.types.component_spec import ChannelParameter, ExecutionParameter

from components.gated_bulk_inferrer.executor import Executor


class GatedBulkInferrerSpec(standard_component_specs.BulkInferrerSpec):  # type: ignore[misc]
    """TFX's, with ServingCheck's blessing as a further input; both blessings are required."""

    PARAMETERS = {**standard_component_specs.BulkInferrerSpec.PARAMETERS, "code": ExecutionParameter(type=str)}
    INPUTS = {
        **standard_component_specs.BulkInferrerSpec.INPUTS,
        standard_component_specs.MODEL_BLESSING_KEY: ChannelParameter(type=standard_artifacts.ModelBlessing),
        standard_component_specs.INFRA_BLESSING_KEY: ChannelParameter(type=standard_artifacts.InfraBlessing),
    }


class GatedBulkInferrer(tfx.components.BulkInferrer):  # type: ignore[misc]
    """Predicts examples with a model that both the Evaluator and ServingCheck blessed; otherwise writes nothing.

    Outputs:
        output_examples: as from TFX's BulkInferrer.
    """

    SPEC_CLASS = GatedBulkInferrerSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        model: types.BaseChannel,
        model_blessing: types.BaseChannel,
        infra_blessing: types.BaseChannel,
        data_spec: bulk_inferrer_pb2.DataSpec,
        model_spec: bulk_inferrer_pb2.ModelSpec,
        output_example_spec: bulk_inferrer_pb2.OutputExampleSpec,
        code: str,
    ):
        """As TFX's, with both blessings; `code`: fingerprint of the executor's sources, part of the cache key."""
        spec = GatedBulkInferrerSpec(
            examples=examples,
            model=model,
            model_blessing=model_blessing,
            infra_blessing=infra_blessing,
            data_spec=data_spec,
            model_spec=model_spec,
            output_example_spec=output_example_spec,
            output_examples=types.Channel(type=standard_artifacts.Examples),
            code=code,
        )
        # TFX's own constructor takes no further input.
        base_beam_component.BaseBeamComponent.__init__(self, spec)
