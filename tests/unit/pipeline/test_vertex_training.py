"""The Trainer's job on Vertex Training, as TFX's client makes it; nothing is started."""

import pytest
from tfx.extensions.google_cloud_ai_platform import training_clients
from tfx.extensions.google_cloud_ai_platform.trainer import executor

from components.span_trainer import Trainer
from configs.spec import DeployConfig, ResourcesConfig
from fer_tfx.errors import ConfigError
from pipeline.runners.vertex_training import choose_trainer, describe_job

IMAGE = "registry.example/fer-tfx:1.0.0"
DEPLOY = DeployConfig(
    image=IMAGE, project="p", region="europe-west4", training="vertex", training_machine="n1-standard-16",
    labels={"team": "faces"}, resources={"Trainer": ResourcesConfig(4, 16, "NVIDIA_TESLA_T4", 2)},
)  # fmt: skip


class UnconnectedClientDouble(training_clients.VertexJobClient):
    """TFX's client without the connection, which asks for credentials at once."""

    def __init__(self):
        pass


def test_choose_trainer_in_its_container_is_the_one_of_a_local_run_and_needs_nothing_more():
    assert choose_trainer(DeployConfig()) == (Trainer, {})


def test_choose_trainer_on_vertex_is_tfx_extension_with_region_and_job():
    trainer, settings = choose_trainer(DEPLOY)
    assert issubclass(trainer.EXECUTOR_SPEC.executor_class, executor.GenericExecutor)
    # Which the job's container calls: the same as without a job, or the training would not know its spans.
    assert trainer.EXECUTOR_SPEC.executor_class()._GetExecutorClass() is Trainer.EXECUTOR_SPEC.executor_class
    assert settings == {
        "ai_platform_enable_vertex": True,
        "ai_platform_vertex_region": "europe-west4",
        "ai_platform_training_args": describe_job(DEPLOY),
    }


def test_describe_job_is_what_tfx_client_makes_a_custom_job_of():
    job = UnconnectedClientDouble().create_training_job({}, {}, {}, "some.Executor", describe_job(DEPLOY), "job", None)
    (worker,) = job["job_spec"]["worker_pool_specs"]
    assert worker["machine_spec"] == {
        "machine_type": "n1-standard-16", "accelerator_type": "NVIDIA_TESLA_T4", "accelerator_count": 2,
    }  # fmt: skip
    assert worker["container_spec"]["image_uri"] == IMAGE
    assert worker["container_spec"]["command"][:3] == ["python", "-m", "tfx.scripts.run_executor"]
    assert job["labels"]["team"] == "faces"


def test_describe_job_without_accelerator_asks_for_none():
    job = describe_job(DeployConfig(image=IMAGE, project="p"))
    (worker,) = job["job_spec"]["worker_pool_specs"]
    assert worker["machine_spec"] == {"machine_type": "n1-standard-8"}


@pytest.mark.parametrize(("accelerator", "count"), [("NVIDIA_TESLA_T4", 0), ("", 1)])
def test_resources_half_an_accelerator_is_refused(accelerator, count):
    with pytest.raises(ConfigError, match=r"deploy\.resources\.accelerator \+ .*: expected both or neither"):
        ResourcesConfig(accelerator=accelerator, accelerator_count=count)
