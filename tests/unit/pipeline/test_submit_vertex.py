"""Google's client builds the job from our request; what it would send is looked at instead of sent."""

import dataclasses
import sys
from typing import Any

import pytest
from compiled_files import write_vertex
from google.api_core import exceptions as api
from google.auth import credentials
from google.auth import exceptions as auth
from google.cloud import aiplatform

from fer_tfx.errors import ConfigError, FerError
from pipeline.runners.submission import SubmitRequest, build_request, submit_to_vertex


@pytest.fixture
def request_of(tmp_path: Any) -> SubmitRequest:
    return build_request(
        "vertex", write_vertex(tmp_path), project="p", location="europe-west4", overrides=["data_path=gs://b/fer.csv"],
        service_account="a@p.test", labels=["team=faces"],
    )  # fmt: skip


class PipelineServiceDouble:
    """Stands in for the sending half of Google's PipelineJob: keeps the message that would have gone out."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.error: Exception | None = None
        self.sent: list[tuple[Any, dict[str, Any]]] = []
        double = self

        def send(job: Any, **options: Any) -> Any:
            if double.error:
                raise double.error
            double.sent.append((job._gca_resource, options))
            job._gca_resource.name = "projects/1/locations/europe-west4/pipelineJobs/fer-1"
            return job

        monkeypatch.setattr(aiplatform.PipelineJob, "submit", send)
        monkeypatch.setattr(aiplatform.PipelineJob, "create_schedule", send)
        monkeypatch.setattr("google.auth.default", lambda **_: (credentials.AnonymousCredentials(), "p"))


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> PipelineServiceDouble:
    return PipelineServiceDouble(monkeypatch)


def test_submit_vertex_job_holds_spec_parameters_root_and_labels(service, request_of):
    submit_to_vertex(request_of)
    ((job, options),) = service.sent
    assert job.display_name == request_of.display_name
    assert dict(job.labels) == request_of.labels
    assert job.runtime_config.gcs_output_directory == "gs://bucket/runs"
    assert dict(job.runtime_config.parameter_values) == {"data_path": "gs://b/fer.csv", "trainer_epochs": 7}
    assert job.pipeline_spec["pipelineInfo"]["name"] == "fer"
    assert options["service_account"] == "a@p.test"


def test_submit_vertex_cron_makes_a_schedule_of_one_run_at_a_time(service, request_of):
    submit_to_vertex(dataclasses.replace(request_of, cron="0 3 * * 1"))
    ((_, options),) = service.sent
    assert (options["cron"], options["max_concurrent_run_count"]) == ("0 3 * * 1", 1)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (auth.DefaultCredentialsError("not found.\nsee"), ConfigError, "no usable credentials: not found; run `gcloud"),
        (api.PermissionDenied("aiplatform.pipelineJobs.create"), ConfigError, "refused"),
        (api.ServiceUnavailable("no route"), FerError, "can't be reached: 503 no route; try again"),
    ],
)
def test_submit_vertex_failure_is_one_line(service, request_of, error, kind, words):
    service.error = error
    with pytest.raises(FerError) as refusal:
        submit_to_vertex(request_of)
    assert type(refusal.value) is kind
    assert words in str(refusal.value)
    assert str(refusal.value).startswith("p/europe-west4: ")
    assert "\n" not in str(refusal.value)


def test_submit_vertex_without_the_client_says_what_to_install(request_of, monkeypatch):
    monkeypatch.setitem(sys.modules, "google.cloud.aiplatform", None)
    monkeypatch.delattr("google.cloud.aiplatform")
    with pytest.raises(ConfigError, match=r"`pip install \./fer_tfx '\.\[vertex\]'`"):
        submit_to_vertex(request_of)
