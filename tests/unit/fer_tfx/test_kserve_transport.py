"""The client by KServe's v2 protocol, against a double of Triton; tests/slow/test_triton.py asks the real one."""

import numpy as np
import pytest
from guarded_proxy import Authority, run_proxy
from raw_server_double import RawServerDouble, reply
from serving_double import ServedFunction, TensorFlowServingDouble
from serving_double.fer_function import build_outputs

import fer_tfx
from fer_tfx.cli import main
from fer_tfx.client.client import Client
from fer_tfx.client.connection import Connection
from fer_tfx.client.transport import VersionStatus, parse_address
from fer_tfx.errors import (
    BadAnswerError,
    ConfigError,
    DeadlineExceededError,
    RequestRefusedError,
    ServerUnreachableError,
)


@pytest.fixture
def url(double) -> str:
    return double.rest_url.replace("http", "kserve")


def find_methods(double: TensorFlowServingDouble) -> list[str]:
    return [request.method for request in double.requests]


def test_predict_answers_as_by_tensorflow_servings_api(client, double, draw, write_file):
    """`client` asks by KServe here."""
    images = [write_file(1), draw(2)[0], write_file(100, "JPEG"), draw(4)[0, ..., 0]]
    with Client(double.rest_url) as other:
        assert client.predict(images) == other.predict(images)
    assert {request.api for request in double.requests} == {"KServe", "REST"}


def test_predict_reads_the_metadata_once(client, double, draw):
    client.predict_pixels(draw(1))
    client.predict_pixels(draw(2))
    assert find_methods(double) == ["metadata", "predict", "predict"]


def test_load_and_the_command_ask_by_the_same_url(url, double, draw, write_file, tmp_path, capfd):
    with fer_tfx.load(url) as model:
        assert model.class_names == fer_tfx.load(double.rest_url).class_names
        assert model.predict_faces(draw(100))[0].label == "fear"
    (tmp_path / "face.png").write_bytes(write_file(100))
    assert main(["predict", str(tmp_path / "face.png"), "--url", url]) == 0
    assert "fear" in capfd.readouterr().out


def test_predict_version_chooses_the_model_and_labels_are_refused(url, double, draw):
    double.models[1] = ServedFunction(lambda *_: build_outputs(np.array([6])))
    with Client(url, version=1) as client:
        assert client.predict_pixels(draw(0))[0].class_index == 6
    with pytest.raises(ConfigError, match="got label stable, which KServe's protocol has none of; give a version"):
        Client(url, label="stable")


@pytest.mark.parametrize(
    ("choice", "said"), [({"model": "x"}, "'x' is not found"), ({"version": 3}, "'fer' version 3 is not found")]
)
def test_predict_what_is_not_served_is_refused_in_one_line(url, draw, choice, said):
    with (
        Client(url, **choice) as client,
        pytest.raises(RequestRefusedError, match=f"^{url}, model .*HTTP 404: .*{said}"),
    ):
        client.predict_pixels(draw(0))


def test_predict_truncated_png_is_named_by_its_position(client, draw, write_file):
    images = [draw(1)[0], *(write_file(value) for value in range(9)), write_file(1)[:60], write_file(4)]
    with pytest.raises(RequestRefusedError, match=r"picture 10: refused with HTTP 400: .*Invalid image"):
        client.predict(images)


def test_predict_busy_server_is_asked_again_and_a_failed_one_is_not(client, clock, double, draw):
    double.fail_next(2)
    assert client.predict_pixels(draw(5))[0].class_index == 5
    assert clock.waits == [0.1, 0.2]
    double.fail_next(1, "INTERNAL")
    with pytest.raises(RequestRefusedError, match="HTTP 500"):
        client.predict_pixels(draw(5))


def test_predict_no_server_is_one_line_with_the_port_to_look_for(url, clock, double, draw):
    double.__exit__()
    with Client(url, timing=clock.timing) as client, pytest.raises(ServerUnreachableError) as caught:
        client.predict_pixels(draw(5))
    assert str(caught.value).startswith(f"{url}, model fer: can't be reached")
    assert "does the server run, and is it the port of KServe's REST API, at Triton 8000?" in str(caught.value)


def test_status_and_readiness_are_those_of_the_versions(url, clock, double):
    with Client(url) as every, Client(url, version=2, timing=clock.timing) as one:
        assert every.status() == [VersionStatus(1, "AVAILABLE", ""), VersionStatus(2, "AVAILABLE", "")]
        assert one.status() == [VersionStatus(2, "AVAILABLE", "")]
        one.wait_until_ready(3)
        double.states[2] = "LOADING"
        assert every.status() == [VersionStatus(1, "AVAILABLE", "")]
        with pytest.raises(DeadlineExceededError, match=r"not ready within 3 s: .*version 2 is not found"):
            one.wait_until_ready(3)


def test_client_of_kserves_goes_by_tls_with_the_token(double, draw, tmp_path):
    authority = Authority.make(tmp_path, "authority")
    token = tmp_path / "token"
    token.touch(mode=0o600)
    with run_proxy(double.rest_url, double.start_grpc(), authority, clients=None) as proxy:
        token.write_text(proxy.token)
        url = proxy.rest_url.replace("https", "kserves")
        connection = Connection(token_file=token, ca=authority.path, headers={"X-Tenant": "faces"})
        with Client(url, connection=connection) as client:
            assert client.predict_pixels(draw(3))[0].class_index == 3
    assert proxy.headers["x-tenant"] == "faces"
    with pytest.raises(ConfigError, match="kserve:// would show the token to anyone"):
        Client("kserve://fer.example.com", connection=Connection(token_file=token))


def test_address_is_below_the_path_of_the_server():
    assert parse_address("kserves://h/a/", "fer", version=3).rest_url == "kserves://h/a/v2/models/fer/versions/3"


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"inputs": [{"name": "other", "shape": [-1]}]}, "the model has no input pixels, but other"),
        ({"inputs": [{"name": 5, "shape": [-1]}]}, "the model has no input pixels, but 5"),
        ({"inputs": "none"}, "`inputs` is no list of tensors; is it the port of KServe's REST API"),
        ([], "the answer is no JSON object"),
    ],
)
def test_predict_from_another_model_or_server_is_a_bad_answer(clock, draw, metadata, said):
    with RawServerDouble(reply(metadata)) as server:
        url = server.url.replace("http", "kserve")
        with Client(url, timing=clock.timing) as client, pytest.raises(BadAnswerError, match=said):
            client.predict_pixels(draw(1))


@pytest.mark.parametrize(
    "outputs", [None, [1], [{"name": "probabilities"}], [{"name": "x", "shape": [2], "data": [1]}]]
)
def test_predict_answer_without_tensors_is_a_bad_answer(clock, draw, outputs):
    answer = {"inputs": [{"name": "pixels", "shape": [-1, 48, 48, 1]}], "outputs": outputs}
    with RawServerDouble(reply(answer)) as server:
        url = server.url.replace("http", "kserve")
        with Client(url, timing=clock.timing) as client, pytest.raises(BadAnswerError, match="no list `outputs` of"):
            client.predict_pixels(draw(1))


def test_status_of_a_server_without_versions_is_that_of_version_0(clock):
    with (
        RawServerDouble(reply({"name": "fer", "ready": True})) as server,
        Client(server.url.replace("http", "kserve"), timing=clock.timing) as client,
    ):
        assert client.status() == [VersionStatus(0, "AVAILABLE", "")]
