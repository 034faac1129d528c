"""Kubeflow's own REST client against a server that only remembers what it was asked."""

import dataclasses
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from compiled_files import PLATFORM, SPEC, write_kubeflow

from fer_tfx.cli import main
from fer_tfx.errors import ConfigError, DataError, FerError
from pipeline.runners.submission import SubmitRequest, build_request, submit_to_kubeflow


class KubeflowApiDouble(ThreadingHTTPServer):
    """Stands in for the API server of Kubeflow Pipelines: answers as told, and keeps what it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[tuple[str, str | None, dict[str, Any]]] = []
        self.answer: tuple[int, Any] = (200, {"run_id": "r-1", "recurring_run_id": "rr-1"})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: KubeflowApiDouble

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.received.append((self.path, self.headers["authorization"], body))
        code, answer = self.server.answer
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Type", "text/html" if content.startswith(b"<") else "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def server() -> Iterator[KubeflowApiDouble]:
    with KubeflowApiDouble() as double:
        threading.Thread(target=double.serve_forever, daemon=True).start()
        yield double
        double.shutdown()


@pytest.fixture
def request_to(tmp_path: Any) -> Any:
    def build(host: str, *, has_platform: bool = True, **wishes: Any) -> SubmitRequest:
        path = write_kubeflow(tmp_path, has_platform=has_platform)
        return build_request("kubeflow", path, host=host, overrides=["data_path=gs://b/fer.csv"], **wishes)

    return build


def test_submit_kubeflow_sends_spec_parameters_and_root(server, request_to):
    request = request_to(f"{server.url}/", experiment="e-1", service_account="runner")
    assert submit_to_kubeflow(request) == "r-1"
    ((path, authorization, body),) = server.received
    assert (path, authorization) == ("/apis/v2beta1/runs", None)
    assert body["pipeline_spec"] == {"pipeline_spec": SPEC, "platform_spec": PLATFORM}
    assert body["runtime_config"] == {
        "parameters": {"data_path": "gs://b/fer.csv", "trainer_epochs": 10}, "pipeline_root": "gs://bucket/runs",
    }  # fmt: skip
    assert (body["display_name"], body["experiment_id"]) == (request.display_name, "e-1")
    assert body["service_account"] == "runner"
    assert json.loads(body["description"])["sha256"] == request.sha256


def test_submit_kubeflow_spec_without_platform_is_sent_bare(server, request_to):
    submit_to_kubeflow(request_to(server.url, has_platform=False))
    assert server.received[0][2]["pipeline_spec"] == SPEC


def test_submit_kubeflow_cron_becomes_a_recurring_run_one_at_a_time(server, request_to):
    assert submit_to_kubeflow(request_to(server.url, cron="0 3 * * 1")) == "rr-1"
    ((path, _, body),) = server.received
    assert path == "/apis/v2beta1/recurringruns"
    assert body["trigger"] == {"cron_schedule": {"cron": "0 0 3 * * 1"}}
    assert (body["max_concurrency"], body["mode"], body["no_catchup"]) == ("1", "ENABLE", True)


def test_submit_kubeflow_token_travels_in_the_header_alone(server, request_to, tmp_path):
    (tmp_path / "token").write_text("abc\n")
    submit_to_kubeflow(request_to(server.url), str(tmp_path / "token"))
    assert server.received[0][1] == "Bearer abc"
    with pytest.raises(DataError, match=r"--token-file .*nowhere: can't be read"):
        submit_to_kubeflow(request_to(server.url), str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("code", "answer", "kind", "words"),
    [
        (401, {}, ConfigError, "401 Unauthorized"),
        (400, {"message": "Invalid input error: no such executor\nat line 3"}, ConfigError,
         "400 Invalid input error: no such executor; "),
        (503, {"error": "database is away"}, FerError, "503 database is away; try again"),
    ],
)  # fmt: skip
def test_submit_kubeflow_refusal_of_the_server_is_one_line(server, request_to, code, answer, kind, words):
    server.answer = (code, answer)
    with pytest.raises(FerError) as refusal:
        submit_to_kubeflow(request_to(server.url))
    assert type(refusal.value) is kind
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "answer",
    [
        b"<!DOCTYPE html><title>Sign in</title>", b"", b"ok", {}, [], None, "r-1", 7, {"runs": [{"run_id": "r-0"}]},
        {"run_id": ""}, {"run_id": None}, {"error": "no", "code": 16},
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("cron", ["", "0 3 * * 1"])
def test_submit_kubeflow_answer_that_names_no_run_is_no_success(server, request_to, answer, cron):
    server.answer = (200, answer)
    with pytest.raises(ConfigError) as refusal:
        submit_to_kubeflow(request_to(server.url, cron=cron))
    said = f"{server.url}: answered, but not as Kubeflow Pipelines does, which names the run: most likely a login page"
    assert str(refusal.value).startswith(said)


def test_submit_login_page_ends_the_command_with_2_and_one_line(server, tmp_path, capfd):
    server.answer = (200, b"<html>Sign in</html>")
    words = ["--target", "kubeflow", "--host", server.url, "--param", "data_path=gs://b/fer.csv"]
    assert main(["submit", str(write_kubeflow(tmp_path)), *words]) == 2
    said = capfd.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)


def test_submit_kubeflow_without_a_root_leaves_it_to_the_server(server, request_to):
    request = dataclasses.replace(request_to(server.url), pipeline_root="")
    submit_to_kubeflow(request)
    assert "pipeline_root" not in server.received[0][2]["runtime_config"]


def test_submit_kubeflow_server_that_is_not_there_is_named(request_to):
    with pytest.raises(FerError, match=r"http://127\.0\.0\.1:9: can't be reached: .*refused; check --host"):
        submit_to_kubeflow(request_to("http://127.0.0.1:9"))


def test_submit_kubeflow_without_the_client_says_what_to_install(request_to, monkeypatch):
    monkeypatch.setitem(sys.modules, "kfp_server_api", None)
    with pytest.raises(ConfigError, match=r"`pip install \./fer_tfx '\.\[kubeflow\]'`"):
        submit_to_kubeflow(request_to("http://127.0.0.1:9"))
