"""The Trainer's class and settings: TFX's own, or its extension that starts a job of Vertex Training."""

from typing import Any

from tfx import v1 as tfx
from tfx.dsl.components.base import executor_spec
from tfx.extensions.google_cloud_ai_platform.trainer import executor as job_executor

from components.span_trainer import Executor, Trainer
from configs.spec import DeployConfig, ResourcesConfig


class JobExecutor(job_executor.GenericExecutor):  # type: ignore[misc]
    """Starts a job that trains as the container would."""

    def _GetExecutorClass(self) -> type[Executor]:  # noqa: N802 (TFX's name)
        return Executor


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


def describe_job(deploy: DeployConfig) -> dict[str, Any]:
    """A CustomJob: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.customJobs."""
    machine: dict[str, Any] = {"machine_type": deploy.training_machine}
    resources = deploy.resources.get("Trainer", ResourcesConfig())
    if resources.accelerator:
        machine |= {"accelerator_type": resources.accelerator, "accelerator_count": resources.accelerator_count}
    worker = {"machine_spec": machine, "replica_count": 1, "container_spec": {"image_uri": deploy.image}}
    return {"project": deploy.project, "job_spec": {"worker_pool_specs": [worker]}, "labels": dict(deploy.labels)}
