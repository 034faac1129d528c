"""HyperparametersImporter: takes over an earlier search's result from a path or bucket that the components can open.

TFX's Importer would leave that to the back end, and Kubeflow's refuses a path on a volume.
"""

import os
from typing import Any

from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import HyperParameters

from components.artifacts import Artifacts, Component, declare
from fer_tfx.errors import ConfigError


class Executor(BaseExecutor):  # type: ignore[misc]
    """Copies the one file."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        folder, place = exec_properties["folder"], artifact_utils.get_single_uri(output_dict["hyperparameters"])
        names = [each.rstrip("/") for each in fileio.listdir(folder)] if fileio.isdir(folder) else []
        if len(names) != 1:
            raise ConfigError(
                f"tuner.hyperparameters_path: {folder}: expected a folder with one file, found {len(names)}; give a"
                " folder below artifacts/Tuner/best_hyperparameters"
            )
        fileio.copy(os.path.join(folder, names[0]), os.path.join(place, names[0]), overwrite=True)


class HyperparametersImporter(Component):
    """The file of a `folder`, whose content has this `fingerprint`; where that is empty, it must never be cached.

    Outputs:
        hyperparameters: as a Tuner writes them.
    """

    SPEC_CLASS = declare(parameters={"folder": str, "fingerprint": str}, outputs={"hyperparameters": HyperParameters})
    EXECUTOR_SPEC = ExecutorClassSpec(Executor)
