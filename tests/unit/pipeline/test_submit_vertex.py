"""Google's own client sends our request to a test double, which takes the API's own messages."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from compiled_files import write_vertex
from google.auth import exceptions as auth
from google.cloud.aiplatform_v1 import types
from google.protobuf import json_format
from vertex_double import PARENT, VertexServiceDouble, connected_double

from fer_tfx.errors import ConfigError, FerError
from pipeline.runners.submission import SubmitRequest, build_request, submit_to_vertex

GOLDEN = Path(__file__).parents[2] / "golden" / "vertex.json"


def make_request(path: Path, **wishes: str) -> SubmitRequest:
    return build_request(
        "vertex", path, project="p", location="europe-west4", overrides=["data_path=gs://b/fer.csv"],
        service_account="a@p.test", labels=["team=faces"], **wishes,
    )  # fmt: skip


@pytest.fixture
def request_of(tmp_path: Any) -> SubmitRequest:
    return make_request(write_vertex(tmp_path))


@pytest.fixture
def vertex(monkeypatch: pytest.MonkeyPatch) -> Iterator[VertexServiceDouble]:
    with connected_double(monkeypatch) as double:
        yield double


def check_job(job: types.PipelineJob, wanted: SubmitRequest, compiled: dict) -> None:
    """That the job is what the compiled file and the options say."""
    assert dict(job.labels) == wanted.labels
    assert job.service_account == "a@p.test"
    assert job.network == ""
    assert job.runtime_config.gcs_output_directory == compiled["runtimeConfig"]["gcsOutputDirectory"]
    assert dict(job.runtime_config.parameter_values) == wanted.parameters
    sent = json_format.MessageToDict(types.PipelineJob.pb(job).pipeline_spec)
    assert sent == compiled["pipelineSpec"]


def test_submit_vertex_job_is_the_compiled_file_with_parameters_root_labels_and_account(vertex):
    compiled = json.loads(GOLDEN.read_text())
    wanted = make_request(GOLDEN)
    name = submit_to_vertex(wanted)
    (sent,) = vertex.sent(types.CreatePipelineJobRequest)
    assert vertex.hosts == {"europe-west4-aiplatform.googleapis.com:443"}
    assert sent.parent == PARENT
    assert name == f"{PARENT}/pipelineJobs/{sent.pipeline_job_id}"
    assert sent.pipeline_job_id.startswith("fer-")
    check_job(sent.pipeline_job, wanted, compiled)
    assert sent.pipeline_job.display_name == wanted.display_name
    assert sent.pipeline_job.labels["team"] == "faces"
    assert sent.pipeline_job.runtime_config.parameter_values["data_path"] == "gs://b/fer.csv"
    tasks = sent.pipeline_job.pipeline_spec["root"]["dag"]["tasks"]
    cached = {name for name, task in tasks.items() if task["cachingOptions"].get("enableCache")}
    assert set(tasks) - cached == {"Baseline", "RecordData", "RecordPush", "Pusher"}


def test_submit_vertex_cron_makes_a_schedule_of_one_such_run_at_a_time(vertex):
    wanted = make_request(GOLDEN, cron="0 3 * * 1")
    name = submit_to_vertex(wanted)
    (sent,) = vertex.sent(types.CreateScheduleRequest)
    assert (sent.parent, name.rpartition("/")[0]) == (PARENT, f"{PARENT}/schedules")
    assert (sent.schedule.cron, sent.schedule.max_concurrent_run_count) == ("0 3 * * 1", 1)
    assert sent.schedule.display_name == wanted.display_name
    each_run = sent.schedule.create_pipeline_job_request
    assert each_run.parent == PARENT
    check_job(each_run.pipeline_job, wanted, json.loads(GOLDEN.read_text()))


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        ("PERMISSION_DENIED", ConfigError, "Vertex AI refused FILE: 403 CreatePipelineJob is refused by the double; c"),
        ("INVALID_ARGUMENT", ConfigError, "Vertex AI refused FILE: 400 "),
        ("RESOURCE_EXHAUSTED", FerError, "Vertex AI can't take FILE now: 429 "),
        ("UNAVAILABLE", FerError, "can't be reached: 503 CreatePipelineJob is refused by the double; try again"),
    ],
)
def test_submit_vertex_failure_is_one_line(vertex, request_of, status, kind, words):
    vertex.refusals["CreatePipelineJob"] = grpc.StatusCode[status]
    with pytest.raises(FerError) as refusal:
        submit_to_vertex(request_of)
    assert type(refusal.value) is kind
    assert str(refusal.value).startswith(f"p/europe-west4: {words.replace('FILE', request_of.file)}")
    assert "\n" not in str(refusal.value)


def test_submit_vertex_without_credentials_says_how_to_get_some(vertex, request_of, monkeypatch):
    def fail(**_: object) -> None:
        raise auth.DefaultCredentialsError("not found.\nsee")

    monkeypatch.setattr("google.auth.default", fail)
    with pytest.raises(ConfigError, match=r"no usable credentials: not found\. see; run `gcloud auth appl"):
        submit_to_vertex(request_of)
    assert vertex.requests == []


def test_submit_vertex_without_the_client_says_what_to_install(request_of, monkeypatch):
    monkeypatch.setitem(sys.modules, "google.cloud.aiplatform", None)
    monkeypatch.delattr("google.cloud.aiplatform")
    with pytest.raises(ConfigError, match=r"`pip install \./fer_tfx '\.\[vertex\]'`"):
        submit_to_vertex(request_of)
