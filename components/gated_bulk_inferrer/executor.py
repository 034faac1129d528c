"""Checks both blessings before TFX's executor predicts."""

from typing import Any

from absl import logging
from tfx import types
from tfx.components.bulk_inferrer import executor
from tfx.components.util import model_utils
from tfx.types import artifact_utils, standard_component_specs

Artifacts = dict[str, list[types.Artifact]]


class Executor(executor.Executor):  # type: ignore[misc]
    """TFX's, which checks only the Evaluator's blessing."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Predict, or write nothing. A missing blessing is an error; TFX's executor would predict."""
        model, infra = (
            artifact_utils.get_single_instance(input_dict[key])
            for key in (standard_component_specs.MODEL_BLESSING_KEY, standard_component_specs.INFRA_BLESSING_KEY)
        )
        if model_utils.is_model_blessed(model) and model_utils.is_infra_validated(infra):
            super().Do(input_dict, output_dict, exec_properties)
        else:
            logging.info("No predictions: the model was refused; its blessings are %s and %s", model.uri, infra.uri)
