"""A test double of Vertex AI's gRPC services: it takes the API's own messages, keeps them, and does what they say.

It is no emulator: of what Vertex AI checks, it checks what these tests are about.
"""

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import grpc
import proto
import pytest
from google.auth import credentials
from google.cloud.aiplatform import initializer
from google.cloud.aiplatform_v1 import types
from google.longrunning import operations_pb2
from google.protobuf import any_pb2
from google.rpc import code_pb2, status_pb2

PARENT = "projects/p/locations/europe-west4"
ENDPOINT = f"{PARENT}/endpoints/7"
_SERVICES = "google.cloud.aiplatform.v1"


class VertexServiceDouble:
    """An endpoint, the registry of models, pipeline jobs and schedules of one project.

    Attributes:
        requests: all messages that came, oldest first.
        hosts: that they were for, if `connected_double` says so.
        endpoint: as its next reader gets it.
        models: versions, by the id of their model.
        refusals: by the method's name, such as `DeployModel`: a status for the call itself, which is used up.
        failures: likewise, for the operation that the call starts.
        questions: how often such an operation isn't done yet when it is asked about.
    """

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.hosts: set[str] = set()
        self.endpoint = types.Endpoint(name=ENDPOINT, display_name="faces")
        self.models: dict[str, list[types.Model]] = {}
        self.refusals: dict[str, grpc.StatusCode] = {}
        self.failures: dict[str, tuple[int, str]] = {}
        self.questions: dict[str, int] = {}
        self._operations: dict[str, tuple[Callable[[], Any], str]] = {}
        self._ids = itertools.count(1)
        self._clock = datetime(2026, 1, 1, tzinfo=timezone.utc)
        self._lock = threading.Lock()

    def sent(self, kind: type) -> list[Any]:
        """The requests of one type."""
        return [each for each in self.requests if isinstance(each, kind)]

    @property
    def serving(self) -> str:
        """Name of the deployed model that has all the traffic."""
        ((wanted, share),) = self.endpoint.traffic_split.items()
        assert share == 100
        return next(each.display_name for each in self.endpoint.deployed_models if each.id == wanted)

    @property
    def deployed(self) -> list[str]:
        """Names of the deployed models, oldest first."""
        return [each.display_name for each in self.endpoint.deployed_models]

    @contextmanager
    def served(self, address: str, tls: Path | None = None) -> Iterator[int]:
        """On an address, with certificate and key in the folder `tls`, until the context ends: the port."""
        server = grpc.server(futures.ThreadPoolExecutor(4))
        server.add_generic_rpc_handlers([
            self._handlers(f"{_SERVICES}.ModelService", types, "ListModelVersions", "GetModel", "UploadModel"),
            self._handlers(
                f"{_SERVICES}.EndpointService", types, "GetEndpoint", "UpdateEndpoint", "DeployModel", "UndeployModel"
            ),
            self._handlers(f"{_SERVICES}.PipelineService", types, "CreatePipelineJob", "GetPipelineJob"),
            self._handlers(f"{_SERVICES}.ScheduleService", types, "CreateSchedule"),
            self._handlers(f"{_SERVICES}.JobService", types, "CreateCustomJob", "GetCustomJob"),
            self._handlers("google.longrunning.Operations", operations_pb2, "GetOperation"),
        ])  # fmt: skip
        if tls:
            pair = (tls / "key.pem").read_bytes(), (tls / "certificate.pem").read_bytes()
            port = server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
        else:
            port = server.add_insecure_port(address)
        server.start()
        try:
            yield port
        finally:
            server.stop(None)

    def _handlers(self, service: str, messages: Any, *methods: str) -> grpc.GenericRpcHandler:
        found = {}
        for name in methods:
            kind = getattr(messages, f"{name}Request")
            read = kind.deserialize if issubclass(kind, proto.Message) else kind.FromString
            found[name] = grpc.unary_unary_rpc_method_handler(
                self._answering(name), read, lambda answer: type(answer).serialize(answer)
                if isinstance(answer, proto.Message) else answer.SerializeToString(),
            )  # fmt: skip
        return grpc.method_handlers_generic_handler(service, found)

    def _answering(self, name: str) -> Callable[[Any, grpc.ServicerContext], Any]:
        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            with self._lock:
                self.requests.append(request)
                if name in self.refusals:
                    context.abort(self.refusals.pop(name), f"{name} is refused by the double")
                try:
                    return getattr(self, f"_{name}")(request)
                except LookupError as error:
                    context.abort(grpc.StatusCode.NOT_FOUND, f"{error} not found")

        return answer

    def _start(self, name: str, finish: Callable[[], Any]) -> operations_pb2.Operation:
        """An operation that is done when it is asked about."""
        operation = f"{PARENT}/operations/{next(self._ids)}"
        self._operations[operation] = finish, name
        return operations_pb2.Operation(name=operation)

    def _GetOperation(self, request: Any) -> operations_pb2.Operation:  # noqa: N802 (the API's names, here and below)
        finish, name = self._operations[request.name]
        if self.questions.get(name):
            self.questions[name] -= 1
            return operations_pb2.Operation(name=request.name)
        if name in self.failures:
            code, words = self.failures.pop(name)
            return operations_pb2.Operation(
                name=request.name, done=True, error=status_pb2.Status(code=code, message=words)
            )
        answer = any_pb2.Any()
        made = finish()
        answer.Pack(type(made).pb(made) if isinstance(made, proto.Message) else made)
        return operations_pb2.Operation(name=request.name, done=True, response=answer)

    def _ListModelVersions(self, request: types.ListModelVersionsRequest) -> Any:  # noqa: N802
        return types.ListModelVersionsResponse(models=self.models[request.name.rpartition("/")[2]])

    def _GetModel(self, request: types.GetModelRequest) -> types.Model:  # noqa: N802
        name, _, version = request.name.rpartition("/")[2].partition("@")
        found = [each for each in self.models[name] if version in ("", each.version_id, *each.version_aliases)]
        return found[-1]

    def _UploadModel(self, request: types.UploadModelRequest) -> operations_pb2.Operation:  # noqa: N802
        name = request.model_id or request.parent_model.rpartition("/")[2]
        if request.parent_model:
            assert name in self.models

        def finish() -> types.UploadModelResponse:
            versions = self.models.setdefault(name, [])
            model = types.Model(request.model)
            model.name, model.version_id = f"{PARENT}/models/{name}", str(len(versions) + 1)
            model.supported_deployment_resources_types = ["DEDICATED_RESOURCES"]
            versions.append(model)
            return types.UploadModelResponse(model=model.name, model_version_id=model.version_id)

        return self._start("UploadModel", finish)

    def _GetEndpoint(self, request: types.GetEndpointRequest) -> types.Endpoint:  # noqa: N802
        if request.name != self.endpoint.name:
            raise LookupError(request.name)
        return self.endpoint

    def _UpdateEndpoint(self, request: types.UpdateEndpointRequest) -> types.Endpoint:  # noqa: N802
        assert list(request.update_mask.paths) == ["traffic_split"]
        assert {each.id for each in self.endpoint.deployed_models} >= set(request.endpoint.traffic_split)
        self.endpoint.traffic_split = dict(request.endpoint.traffic_split)
        return self.endpoint

    def _DeployModel(self, request: types.DeployModelRequest) -> operations_pb2.Operation:  # noqa: N802
        assert sum(request.traffic_split.values()) == 100

        def finish() -> types.DeployModelResponse:
            self._clock += timedelta(minutes=1)
            made = types.DeployedModel(request.deployed_model)
            made.id, made.create_time = str(next(self._ids)), self._clock
            self.endpoint.deployed_models.append(made)
            shares = {made.id if key == "0" else key: share for key, share in request.traffic_split.items() if share}
            self.endpoint.traffic_split = shares
            return types.DeployModelResponse(deployed_model=made)

        return self._start("DeployModel", finish)

    def _UndeployModel(self, request: types.UndeployModelRequest) -> operations_pb2.Operation:  # noqa: N802
        assert not self.endpoint.traffic_split.get(request.deployed_model_id), "it has traffic"

        def finish() -> types.UndeployModelResponse:
            left = [each for each in self.endpoint.deployed_models if each.id != request.deployed_model_id]
            self.endpoint.deployed_models = left
            return types.UndeployModelResponse()

        return self._start("UndeployModel", finish)

    def _CreatePipelineJob(self, request: types.CreatePipelineJobRequest) -> types.PipelineJob:  # noqa: N802
        job = types.PipelineJob(request.pipeline_job)
        job.name = f"{request.parent}/pipelineJobs/{request.pipeline_job_id}"
        return job

    def _CreateSchedule(self, request: types.CreateScheduleRequest) -> types.Schedule:  # noqa: N802
        schedule = types.Schedule(request.schedule)
        schedule.name = f"{request.parent}/schedules/{next(self._ids)}"
        return schedule

    def _CreateCustomJob(self, request: types.CreateCustomJobRequest) -> types.CustomJob:  # noqa: N802
        job = types.CustomJob(request.custom_job)
        job.name = f"{request.parent}/customJobs/{next(self._ids)}"
        return job

    def _GetCustomJob(self, request: types.GetCustomJobRequest) -> types.CustomJob:  # noqa: N802
        return types.CustomJob(name=request.name, state=types.JobState.JOB_STATE_SUCCEEDED)


@contextmanager
def connected_double(monkeypatch: pytest.MonkeyPatch) -> Iterator[VertexServiceDouble]:
    """One that Google's clients in this process reach instead of any other host; they come without credentials."""
    double = VertexServiceDouble()
    monkeypatch.setattr(initializer.global_config, "_credentials", None)  # it keeps them
    monkeypatch.setattr("google.auth.default", lambda **_: (credentials.AnonymousCredentials(), "p"))
    # Two questions to Google's storage, of which there is no double here: is the bucket of a pipeline there, and will
    # it take a folder of this machine?
    storage = "google.cloud.aiplatform.utils.gcs_utils."
    monkeypatch.setattr(f"{storage}create_gcs_bucket_for_pipeline_artifacts_if_it_does_not_exist", lambda **_: None)
    monkeypatch.setattr(f"{storage}stage_local_data_in_gcs", lambda data_path, **_: f"gs://staged{data_path}")
    with double.served("localhost:0") as port:

        def connect(host: str, **_: Any) -> grpc.Channel:
            double.hosts.add(host)
            return grpc.insecure_channel(f"localhost:{port}")

        monkeypatch.setattr("google.api_core.grpc_helpers.create_channel", connect)
        yield double


# Failures of an operation.
QUOTA = (code_pb2.RESOURCE_EXHAUSTED, "CustomModelServingCPUs: quota exceeded")
CRASH = (code_pb2.FAILED_PRECONDITION, "Model server exited unexpectedly.")
