"""GatedBulkInferrer: TFX's BulkInferrer, but a model that can't be served predicts nothing."""

from typing import Any

from absl import logging
from tfx.components.bulk_inferrer import executor
from tfx.components.bulk_inferrer.component import BulkInferrer
from tfx.components.util import model_utils
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import Examples, InfraBlessing, ModelBlessing
from tfx.types.standard_component_specs import BulkInferrerSpec

from components.artifacts import Artifacts, Component, declare


class Executor(executor.Executor):  # type: ignore[misc]
    """TFX's, which checks only the Evaluator's blessing."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Predict, or write nothing. A missing blessing is an error; TFX's executor would predict."""
        model, infra = (
            artifact_utils.get_single_instance(input_dict[key]) for key in ("model_blessing", "infra_blessing")
        )
        if model_utils.is_model_blessed(model) and model_utils.is_infra_validated(infra):
            super().Do(input_dict, output_dict, exec_properties)
        else:
            logging.info("No predictions: the model was refused; its blessings are %s and %s", model.uri, infra.uri)


class GatedBulkInferrer(Component, BulkInferrer):  # type: ignore[misc]
    """Predicts examples with a model that both the Evaluator and ServingCheck blessed; otherwise writes nothing."""

    SPEC_CLASS = declare(
        BulkInferrerSpec,
        parameters={"code": str},
        inputs={"model_blessing": ModelBlessing, "infra_blessing": InfraBlessing},
        outputs={"output_examples": Examples},
    )
    EXECUTOR_SPEC = BeamExecutorSpec(Executor)
