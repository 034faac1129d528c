"""The Trainer's job on Vertex Training, as TFX's client makes it; nothing is started."""

import dataclasses
import json

import pytest
from google.cloud.aiplatform_v1 import CustomJob
from tfx.extensions.google_cloud_ai_platform import training_clients
from tfx.extensions.google_cloud_ai_platform.trainer import executor

from components.span_trainer import Trainer
from configs.spec import DeployConfig, ResourcesConfig
from fer_tfx.errors import ConfigError, GateError
from pipeline.runners.vertex_training import JobExecutor, JobWorker, choose_trainer, describe_job

IMAGE = "registry.example/fer-tfx:1.0.0"
DEPLOY = DeployConfig(
    image=IMAGE, project="p", region="europe-west4", training="vertex", training_machine="n1-standard-16",
    labels={"team": "faces"}, accelerator="cuda", service_account="jobs@p.test",
    resources={"Trainer": ResourcesConfig(4, 16, "NVIDIA_TESLA_T4", 2)},
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
    worker = trainer.EXECUTOR_SPEC.executor_class()._GetExecutorClass()
    assert issubclass(worker, Trainer.EXECUTOR_SPEC.executor_class)
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
    # The API's own message, which knows each of these fields.
    assert CustomJob(job).job_spec.service_account == "jobs@p.test"


@pytest.mark.parametrize("resources", [{}, DEPLOY.resources])
def test_describe_job_on_the_cpu_asks_for_no_accelerator(resources):
    job = describe_job(DeployConfig(image=IMAGE, project="p", training_machine="n1-standard-8", resources=resources))
    (worker,) = job["job_spec"]["worker_pool_specs"]
    assert worker["machine_spec"] == {"machine_type": "n1-standard-8"}


def test_describe_job_takes_the_accelerator_of_default_where_the_trainer_is_not_named():
    deploy = dataclasses.replace(DEPLOY, resources={"default": DEPLOY.resources["Trainer"]})
    assert describe_job(deploy) == describe_job(DEPLOY)


@pytest.mark.parametrize(("accelerator", "count"), [("NVIDIA_TESLA_T4", 0), ("", 1)])
def test_resources_half_an_accelerator_is_refused(accelerator, count):
    with pytest.raises(ConfigError, match=r"deploy\.resources\.accelerator \+ .*: expected both or neither"):
        ResourcesConfig(accelerator=accelerator, accelerator_count=count)


def make_properties(folder, deploy: DeployConfig = DEPLOY) -> dict:
    settings = {"checkpoint_root": str(folder / "checkpoints"), "ai_platform_training_args": describe_job(deploy)}
    return {"custom_config": json.dumps(settings)}


@pytest.mark.parametrize(("error", "code"), [(ConfigError("no"), 2), (GateError("no"), 3)])
def test_job_worker_refusal_is_the_exit_code_of_the_job(tmp_path, monkeypatch, capsys, error, code):
    def refuse(*_):
        raise error

    monkeypatch.setattr(Trainer.EXECUTOR_SPEC.executor_class, "Do", refuse)
    with pytest.raises(SystemExit) as end:
        JobWorker().Do({}, {}, make_properties(tmp_path, DeployConfig()))
    assert end.value.code == code
    assert capsys.readouterr().err.endswith("fer-tfx: no\n")


def test_job_worker_on_a_machine_whose_gpu_tensorflow_does_not_find_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        JobWorker().Do({}, {}, make_properties(tmp_path))
    assert end.value.code == 2
    assert "fer-tfx: deploy.accelerator: cuda: TensorFlow finds no GPU" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("The replica workerpool0-0 exited with a non-zero status of 2. Termination reason: Error.", ConfigError),
        ("The replica workerpool0-0 exited with a non-zero status of 3.", GateError),
        ("The replica workerpool0-0 exited with a non-zero status of 1.", RuntimeError),
        ("Internal error occurred for the current attempt.", RuntimeError),
    ],
)
def test_job_executor_passes_a_refusal_of_the_job_on_and_any_other_failure_as_it_is(monkeypatch, said, kind):
    def fail(*_):
        raise RuntimeError(f"Job 'a' did not succeed.  Detailed response error {{ message: \"{said}\" }}.")

    monkeypatch.setattr(executor.GenericExecutor, "Do", fail)
    with pytest.raises(kind) as failure:
        JobExecutor().Do({}, {}, {})
    assert type(failure.value) is kind
