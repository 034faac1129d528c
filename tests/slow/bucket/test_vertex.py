"""Google's own clients reach a double of Vertex AI by its host names, over TLS.

The double takes the API's own messages. No job starts there, and no model answers.
"""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow_model_analysis as tfma
from google.cloud.aiplatform_v1 import types
from loopback import ACCOUNT, ENDPOINT_SETTINGS, IMAGE, Containers, Loopback, locate, make_artifact
from vertex_double import ENDPOINT, QUOTA, VertexServiceDouble

from configs.spec import GateConfig
from pipeline.eval_config import build_eval_config

PARENT = "projects/faces/locations/europe-west4"


@pytest.fixture(scope="module")
def vertex(loopback: Loopback) -> Iterator[VertexServiceDouble]:
    with loopback.vertex() as double:
        yield double


@pytest.mark.parametrize("cron", ["", "0 3 * * 1"])
def test_submitted_file_reaches_vertex_ai(
    loopback: Loopback, vertex: VertexServiceDouble, containers: Containers, cron: str
) -> None:
    place = ("--project", "faces", "--location", "europe-west4")
    options = ("--service-account", ACCOUNT, "--label", "run=7", "--param", "trainer_epochs=3")
    schedule = ("--cron", cron) if cron else ()
    done = loopback.command("pipeline", "submit", "--target", "vertex", containers.path, *place, *options, *schedule)
    assert done.returncode == 0, done.stderr
    if cron:
        request = vertex.sent(types.CreateScheduleRequest)[-1]
        assert (request.parent, request.schedule.cron) == (PARENT, cron)
        request = request.schedule.create_pipeline_job_request
    else:
        request = vertex.sent(types.CreatePipelineJobRequest)[-1]
        name = f"{PARENT}/pipelineJobs/{request.pipeline_job_id}"
        assert done.stdout == f"submitted {request.pipeline_job.display_name}: {name}\n"
    job = request.pipeline_job
    assert request.parent == PARENT
    assert (job.service_account, job.network) == (ACCOUNT, "")
    assert [job.labels[name] for name in ("team", "run", "pipeline")] == ["faces", "7", "fer"]
    assert job.runtime_config.gcs_output_directory == locate("runs/fer/artifacts")
    values = job.runtime_config.parameter_values
    assert (values["trainer_epochs"], values["deploy_service_account"]) == (3, ACCOUNT)
    tasks = job.pipeline_spec["root"]["dag"]["tasks"]
    assert tasks["Transform"]["cachingOptions"]["enableCache"]
    assert not tasks["Pusher"]["cachingOptions"].get("enableCache")


def test_training_is_a_job_of_vertex_training(vertex: VertexServiceDouble, containers: Containers) -> None:
    examples = make_artifact(1, "examples", "tfx.Examples", split_names='["train", "eval", "test"]')
    inputs = {"transform_graph": make_artifact(2, "graph", "tfx.TransformGraph")}
    done = containers.start("Trainer", examples=examples, schema=make_artifact(3, "schema", "tfx.Schema"), **inputs)
    assert done.returncode == 0, done.stderr[-2000:]
    (request,) = vertex.sent(types.CreateCustomJobRequest)
    assert request.parent == PARENT
    job = request.custom_job
    assert job.labels["team"] == "faces"
    assert job.job_spec.service_account == ACCOUNT
    (worker,) = job.job_spec.worker_pool_specs
    assert (worker.machine_spec.machine_type, worker.replica_count) == ("n1-standard-8", 1)
    assert worker.machine_spec.accelerator_count == 0
    assert worker.container_spec.image_uri == IMAGE
    command = " ".join(worker.container_spec.command)
    assert re.match(r"python -m tfx\.scripts\.run_executor .*pipeline\.runners\.vertex_training\.JobWorker", command)
    assert locate("made/examples") in command


def write_folder(loopback: Loopback, key: str, folder: Path) -> None:
    """Copy a folder to the address that `make_artifact` gives."""
    for path in (each for each in folder.rglob("*") if each.is_file()):
        loopback.tell(write=f"made/{key}/{path.relative_to(folder)}", path=str(path))


@pytest.fixture(scope="module")
def judged(loopback: Loopback, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The Pusher's inputs apart from the model: all of them approve it."""
    folder = tmp_path_factory.mktemp("judged")
    config = tfma.utils.update_eval_config_with_defaults(
        build_eval_config(GateConfig(), ""), has_baseline=False, rubber_stamp=True
    )
    rows = pd.DataFrame({"emotion": range(7), "probabilities": np.eye(7).tolist()})
    tfma.analyze_raw_data(rows, config, output_path=str(folder / "evaluation"))
    for key, name in (("card", "MODEL_CARD.md"), ("infra_blessing", "INFRA_BLESSED"), ("model_blessing", "BLESSED")):
        (folder / key).mkdir()
        (folder / key / name).write_text("good")
    for each in folder.iterdir():
        write_folder(loopback, each.name, each)
    blessed = {"blessed": 1, "blessing_status": "INFRA_BLESSED"}
    return {
        "model_blessing": make_artifact(1, "model_blessing", "tfx.ModelBlessing", **blessed),
        "infra_blessing": make_artifact(2, "infra_blessing", "tfx.InfraBlessing", **blessed),
        "card": make_artifact(3, "card", "components.Card"),
        "evaluation": make_artifact(4, "evaluation", "tfx.ModelEvaluation"),
    }


def test_pushes_reach_the_endpoint_before_the_bucket_and_a_roll_back_moves_the_traffic(
    loopback: Loopback, vertex: VertexServiceDouble, containers: Containers, judged: dict[str, Any], tmp_path: Path
) -> None:
    def push(content: str) -> "subprocess.CompletedProcess[str]":
        for name in ("saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"):
            path = tmp_path / content / "Format-Serving" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"of {content}")
        write_folder(loopback, content, tmp_path / content)
        return containers.start("Pusher", model=make_artifact(5, content, "tfx.Model"), **judged)

    def list_versions() -> list[str]:
        names = (each.removeprefix("runs/fer/serving/") for each in loopback.tell(objects="runs/fer/serving/"))
        return sorted(each.partition("/")[0] for each in names if re.fullmatch(r"\d+/saved_model\.pb", each))

    done = push("first")
    assert done.returncode == 0, done.stderr[-3000:]
    (old,), (older,) = vertex.deployed, list_versions()
    vertex.failures["DeployModel"] = QUOTA
    done = push("second")
    assert done.returncode == 1
    said = done.stderr.splitlines()[-1]
    assert said.startswith(f"fer-tfx: {ENDPOINT}: Vertex AI can't take fer with digest ")
    assert said.endswith(
        "; the version before goes on answering; correct serving.endpoint or the account's rights, then run again"
    )
    assert (vertex.serving, list_versions()) == (old, [older])
    assert push("second").returncode == 0
    assert vertex.deployed == [old, vertex.serving]
    (newer,) = set(list_versions()) - {older}
    # Where Vertex AI can read it.
    uploaded = vertex.models["fer"][-1].artifact_uri
    assert f"{uploaded}/saved_model.pb".removeprefix(locate("")) in loopback.tell(objects="artifacts/")
    settings = [word for key in ENDPOINT_SETTINGS for word in ("--set", f"{key}={ENDPOINT_SETTINGS[key]}")]
    place = ("--set", "name=fer", "--set", f"runtime.root={locate('runs')}", "--set", "serving.settle_s=0", *settings)
    done = loopback.command("pipeline", "rollback", *place)
    assert done.returncode == 0, done.stderr
    assert (vertex.serving, list_versions()) == (old, [older])
    assert loopback.command("pipeline", "rollback", "--to", newer, *place).returncode == 0
    assert (vertex.deployed, list_versions()) == ([old, vertex.serving], [older, newer])
