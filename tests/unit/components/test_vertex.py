"""A pushed model reaches an endpoint of Vertex AI through Google's client; a test double takes the API's messages."""

from collections.abc import Iterator

import grpc
import pytest
from google.cloud.aiplatform_v1 import types
from vertex_double import CRASH, ENDPOINT, PARENT, QUOTA, VertexServiceDouble, connected_double

from components.vertex import serve
from configs.load import load_config
from configs.spec import EndpointConfig, ServingConfig
from fer_tfx.errors import ConfigError, FerError

FIRST, SECOND, THIRD = ("1" * 64, "2" * 64, "3" * 64)
NAMES = [f"fer-{digest[:16]}" for digest in (FIRST, SECOND, THIRD)]
IMAGE = "europe-docker.test/prediction/tf2-cpu:1"


@pytest.fixture
def vertex(monkeypatch: pytest.MonkeyPatch) -> Iterator[VertexServiceDouble]:
    with connected_double(monkeypatch) as double:
        yield double


def push(digest: str, folder: str = "gs://bucket", **settings) -> None:
    config = ServingConfig(endpoint=EndpointConfig(name=ENDPOINT, image=IMAGE, **settings))
    serve(config, digest, f"{folder}/{digest[:4]}", "run")


def test_serve_first_model_is_uploaded_under_the_name_of_the_model_and_gets_all_traffic(vertex):
    push(FIRST, machine="n1-standard-4", min_replicas=2, max_replicas=5)
    (upload,) = vertex.sent(types.UploadModelRequest)
    assert (upload.parent, upload.model_id, upload.parent_model) == (PARENT, "fer", "")
    assert (upload.model.display_name, upload.model.artifact_uri) == ("fer", "gs://bucket/1111")
    assert upload.model.version_description == f"sha256 {FIRST} from gs://bucket/1111"
    assert upload.model.container_spec.image_uri == IMAGE
    (deployment,) = vertex.sent(types.DeployModelRequest)
    assert (deployment.endpoint, dict(deployment.traffic_split)) == (ENDPOINT, {"0": 100})
    machines = deployment.deployed_model.dedicated_resources
    assert machines.machine_spec.machine_type == "n1-standard-4"
    assert (machines.min_replica_count, machines.max_replica_count) == (2, 5)
    assert vertex.serving == NAMES[0]
    assert vertex.hosts == {"europe-west4-aiplatform.googleapis.com:443"}


def test_serve_next_model_is_a_version_beside_the_old_one_and_only_then_gets_the_traffic(vertex):
    push(FIRST)
    push(SECOND)
    upload = vertex.sent(types.UploadModelRequest)[1]
    assert (upload.model_id, upload.parent_model) == ("", f"{PARENT}/models/fer")
    deployment = vertex.sent(types.DeployModelRequest)[1]
    assert deployment.deployed_model.model == f"{PARENT}/models/fer@2"
    assert deployment.traffic_split["0"] == 0, "while it is deployed, the old one answers"
    (update,) = vertex.sent(types.UpdateEndpointRequest)
    assert vertex.requests.index(deployment) < vertex.requests.index(update)
    assert (vertex.serving, vertex.deployed) == (NAMES[1], NAMES[:2])


def test_serve_undeploys_the_oldest_beyond_those_to_keep_after_the_traffic_has_moved(vertex):
    for digest in (FIRST, SECOND, THIRD):
        push(digest)
    assert (vertex.serving, vertex.deployed) == (NAMES[2], NAMES[1:])
    (undeployment,) = vertex.sent(types.UndeployModelRequest)
    assert vertex.requests.index(undeployment) > vertex.requests.index(vertex.sent(types.UpdateEndpointRequest)[-1])


def test_serve_deployed_model_again_only_moves_the_traffic(vertex):
    push(FIRST)
    push(SECOND)
    before = len(vertex.requests)
    push(FIRST)
    assert {type(each) for each in vertex.requests[before:]} == {types.GetEndpointRequest, types.UpdateEndpointRequest}
    assert (vertex.serving, vertex.deployed) == (NAMES[0], NAMES[:2])
    push(FIRST)
    assert len(vertex.sent(types.UpdateEndpointRequest)) == 2, "what answers already is left alone"


@pytest.mark.parametrize(("folder", "version"), [("gs://bucket", "1"), ("gs://bucket/rolled_back", "4")])
def test_serve_model_that_is_no_longer_deployed_is_uploaded_again_if_it_lies_elsewhere(vertex, folder, version):
    """Where it was uploaded from, it may be gone."""
    for digest in (FIRST, SECOND, THIRD):
        push(digest)
    push(FIRST, folder)
    assert len(vertex.sent(types.UploadModelRequest)) == max(3, int(version))
    assert vertex.sent(types.DeployModelRequest)[-1].deployed_model.model == f"{PARENT}/models/fer@{version}"
    assert (vertex.serving, vertex.deployed) == (NAMES[0], [NAMES[2], NAMES[0]])


def test_serve_leaves_what_others_have_deployed(vertex):
    theirs = types.DeployedModel(id="99", display_name="theirs-1", create_time="2020-01-01T00:00:00Z")
    vertex.endpoint.deployed_models, vertex.endpoint.traffic_split = [theirs], {"99": 100}
    for digest in (FIRST, SECOND, THIRD):
        push(digest)
    assert vertex.deployed == ["theirs-1", *NAMES[1:]]


def test_serve_undeploys_what_two_attempts_have_deployed_twice(vertex):
    push(FIRST)
    (twin,) = [types.DeployedModel(each) for each in vertex.endpoint.deployed_models]
    twin.id = "98"
    vertex.endpoint.deployed_models.append(twin)
    push(FIRST, keep_versions=1)
    assert (vertex.serving, vertex.deployed) == (NAMES[0], NAMES[:1])


@pytest.mark.parametrize(
    ("step", "failure", "kind", "words"),
    [
        ("UploadModel", CRASH, ConfigError, "Vertex AI refused fer with digest 222222222222: 400 Model server exited"),
        ("DeployModel", QUOTA, FerError, "Vertex AI can't take fer with digest 222222222222 now: 429 CustomModel"),
        ("DeployModel", CRASH, ConfigError, "Vertex AI refused fer with digest 222222222222: 400 Model server exited"),
    ],
)
def test_serve_operation_that_fails_leaves_the_old_version_and_is_one_line(vertex, step, failure, kind, words):
    push(FIRST)
    vertex.failures[step] = failure
    with pytest.raises(FerError) as error:
        push(SECOND)
    said = str(error.value)
    assert type(error.value) is kind
    assert said.startswith(f"{ENDPOINT}: {words}")
    assert said.endswith("goes on answering; correct serving.endpoint or the account's rights, then run again")
    assert "\n" not in said
    assert (vertex.serving, vertex.deployed) == (NAMES[0], NAMES[:1])
    push(SECOND)
    assert (vertex.serving, vertex.deployed) == (NAMES[1], NAMES[:2])


@pytest.mark.parametrize("step", ["ListModelVersions", "UploadModel", "DeployModel", "UpdateEndpoint"])
@pytest.mark.parametrize(
    ("status", "kind"),
    [("PERMISSION_DENIED", ConfigError), ("RESOURCE_EXHAUSTED", FerError), ("INTERNAL", FerError)],
)
def test_serve_call_that_is_refused_leaves_the_old_version_and_goes_on_at_the_next_push(vertex, step, status, kind):
    push(FIRST)
    vertex.refusals[step] = grpc.StatusCode[status]
    with pytest.raises(FerError) as error:
        push(SECOND)
    assert type(error.value) is kind
    assert "\n" not in str(error.value)
    assert vertex.serving == NAMES[0]
    push(SECOND)
    assert len(vertex.sent(types.UploadModelRequest)) <= 3
    assert (vertex.serving, vertex.deployed) == (NAMES[1], NAMES[:2])
    assert [each.version_id for each in vertex.models["fer"]] == ["1", "2"], "nothing was uploaded twice"


def test_serve_old_version_that_cannot_be_undeployed_spoils_nothing(vertex, caplog):
    push(FIRST, keep_versions=1)
    vertex.failures["UndeployModel"] = CRASH
    push(SECOND, keep_versions=1)
    assert (vertex.serving, vertex.deployed) == (NAMES[1], NAMES[:2])
    assert "can't be undeployed" in caplog.text
    push(SECOND, keep_versions=1)
    assert vertex.deployed == [NAMES[1]]


def test_serve_waits_for_an_operation_that_takes_long(vertex):
    vertex.questions["DeployModel"] = 2
    push(FIRST)
    assert vertex.serving == NAMES[0]


def test_serve_on_an_endpoint_that_is_not_there_names_it(vertex):
    vertex.endpoint.name = f"{PARENT}/endpoints/8"
    with pytest.raises(ConfigError, match=f"^{ENDPOINT}: Vertex AI refused .*404 {ENDPOINT} not found; "):
        push(FIRST)
    assert vertex.sent(types.UploadModelRequest) == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["name=faces", "image=i"], "name: expected projects/PROJECT/locations/REGION/endpoints/ID, got 'faces'"),
        ([f"name={ENDPOINT}"], "serving.endpoint.image: expected an image, as name is given, got ''"),
        (["min_replicas=3", "max_replicas=2"], "max_replicas: expected no more at least than at most"),
    ],
)
def test_endpoint_settings_that_do_not_fit_are_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        load_config(None, [f"serving.endpoint.{each}" for each in settings])


@pytest.mark.parametrize("name", ["FER", "1st", "-x"])
def test_serving_model_name_that_vertex_ai_does_not_take_is_refused_with_an_endpoint_only(name):
    with pytest.raises(ConfigError, match=r"serving\.model_name: expected at most 63 lower-case letters"):
        ServingConfig(model_name=name, endpoint=EndpointConfig(name=ENDPOINT, image=IMAGE))
    assert ServingConfig(model_name=name).endpoint.name == ""
