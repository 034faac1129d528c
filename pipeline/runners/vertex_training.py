"""The Trainer's class and settings: TFX's own, or its extension that starts a job of Vertex Training."""

import json
import re
import sys
import traceback
import uuid
from typing import Any

from tfx import v1 as tfx
from tfx.dsl.components.base import executor_spec
from tfx.extensions.google_cloud_ai_platform.trainer import executor as job_executor

from components.artifacts import Artifacts
from components.span_trainer import Executor, Trainer
from configs.spec import DeployConfig, ResourcesConfig
from fer_tfx.errors import ConfigError, FerError, GateError
from pipeline.failures import first_line
from pipeline.runners.trainings import only_training_in, require_gpu

_STATUS = re.compile(r"non-zero status of (\d+)")  # in Vertex AI's message about a job that failed


class JobWorker(Executor):
    """What the job runs: trains as the container would, and ends with the exit code of a refusal."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:  # noqa: N802
        settings = json.loads(exec_properties["custom_config"])
        (worker,) = settings["ai_platform_training_args"]["job_spec"]["worker_pool_specs"]
        try:
            if "accelerator_type" in worker["machine_spec"]:
                require_gpu()
            with only_training_in(settings["checkpoint_root"], uuid.uuid4().hex):
                super().Do(input_dict, output_dict, exec_properties)
        except FerError as error:
            traceback.print_exc()
            print(f"fer-tfx: {error}", file=sys.stderr)
            sys.exit(error.exit_code)


class JobExecutor(job_executor.GenericExecutor):  # type: ignore[misc]
    """Starts the job, and passes its refusal on, or it would be started again."""

    def _GetExecutorClass(self) -> type[Executor]:  # noqa: N802 (TFX's name)
        return JobWorker

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:  # noqa: N802
        try:
            super().Do(input_dict, output_dict, exec_properties)
        except RuntimeError as error:
            found = _STATUS.search(str(error))
            for kind in (ConfigError, GateError):
                if found and int(found[1]) == kind.exit_code:
                    raise kind(
                        f"the job of Vertex Training was refused; its log says why: {first_line(error)}"
                    ) from None
            raise


class JobTrainer(Trainer):
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(JobExecutor)


def choose_trainer(deploy: DeployConfig) -> tuple[Any, dict[str, Any]]:
    """A class with the interface of TFX's Trainer, and what it needs in `custom_config`."""
    if deploy.training == "container":
        return Trainer, {}
    keys = tfx.extensions.google_cloud_ai_platform
    return JobTrainer, {
        keys.ENABLE_VERTEX_KEY: True,
        keys.VERTEX_REGION_KEY: deploy.region,
        keys.TRAINING_ARGS_KEY: describe_job(deploy),
    }


def find_training_resources(deploy: DeployConfig) -> ResourcesConfig:
    """Those of the Trainer, which another training or a search gets too unless it is named."""
    return deploy.resources.get("Trainer", deploy.resources.get("default", ResourcesConfig()))


def describe_job(deploy: DeployConfig) -> dict[str, Any]:
    """A CustomJob: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.customJobs."""
    machine: dict[str, Any] = {"machine_type": deploy.training_machine}
    resources = find_training_resources(deploy)
    if resources.accelerator and deploy.accelerator != "cpu":
        machine |= {"accelerator_type": resources.accelerator, "accelerator_count": resources.accelerator_count}
    worker = {"machine_spec": machine, "replica_count": 1, "container_spec": {"image_uri": deploy.image}}
    job_spec = {"worker_pool_specs": [worker], "service_account": deploy.service_account}
    return {"project": deploy.project, "job_spec": job_spec, "labels": dict(deploy.labels)}
