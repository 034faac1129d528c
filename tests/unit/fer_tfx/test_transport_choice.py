"""Which transport a URL opens, and what it needs."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from transport_double import TransportDouble

from fer_tfx.client.client import Client
from fer_tfx.client.connection import Connection
from fer_tfx.client.transport import Timing, VersionStatus, compute_wait_s
from fer_tfx.errors import BadRequestError, ConfigError, DataError, FerError, RequestRefusedError, ServingError

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("missing", ["tensorflow_serving", "grpc", "tensorflow"])
def test_client_grpc_url_without_the_extra_names_what_to_install(monkeypatch, missing):
    for name in [name for name in sys.modules if name.startswith(("tensorflow_serving", "fer_tfx.client.grpc"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(
        ConfigError, match=rf"^{missing}.* is not installed, .*: `pip install '\./fer_tfx\[grpc\]'` in a checkout"
    ):
        Client("grpc://localhost:8500")


def test_client_rest_url_imports_neither_tensorflow_nor_grpc():
    code = "import sys; from fer_tfx.client.client import Client; Client('http://h'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    imported = {name.partition(".")[0] for name in done.stdout.split()}
    assert "urllib3" in imported
    assert imported & {"tensorflow", "tensorflow_serving", "grpc", "PIL", "requests"} == set()


def test_client_in_with_closes_its_transport():
    transport = TransportDouble()
    with Client("http://h", transport=transport):
        assert not transport.is_closed
    assert transport.is_closed


def test_errors_tell_input_from_server_by_their_exit_code():
    assert issubclass(BadRequestError, DataError)
    assert BadRequestError.exit_code == 2
    assert issubclass(ServingError, FerError)
    assert {error.exit_code for error in ServingError.__subclasses__()} == {1}
    assert len(ServingError.__subclasses__()) == 4


def test_request_refused_error_blames_the_picture_it_knows():
    known = RequestRefusedError("server", "HTTP 400", "no\nimage", 3)
    assert str(known) == "server, picture 3: refused with HTTP 400: no image; replace or leave it out"
    assert (known.status, known.reason, known.index) == ("HTTP 400", "no image", 3)


def test_wait_until_ready_gives_each_question_what_is_left_of_the_time(clock):
    class SlowDouble(TransportDouble):
        """Each answer takes 1.5 s."""

        def read_status(self, timeout_s: float) -> list[VersionStatus]:
            asked.append(timeout_s)
            clock.now += 1.5
            return super().read_status(timeout_s)

        def check_served(self, timeout_s: float) -> None:
            asked.append(timeout_s)

    asked: list[float] = []
    with Client("http://h", transport=SlowDouble(), timing=clock.timing) as client:
        client.wait_until_ready(2)
    assert asked == [2.0, 0.5]


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 1e10])
def test_client_timeout_that_no_clock_can_count_is_refused(seconds):
    with pytest.raises(ConfigError, match=r"^timeout_s: expected a number of seconds above 0, at most 1,000,000, got"):
        Client("http://h", timeout_s=seconds)


def test_compute_wait_s_of_attempts_without_end_is_two_seconds():
    assert compute_wait_s(10_000, Timing(random=lambda: 1.0)) == 2.0


def test_grpc_header_host_chooses_the_site_of_an_ingress():
    grpc = pytest.importorskip("grpc")
    sites: list[bytes] = []

    class SiteDouble(grpc.GenericRpcHandler):
        """Notes what site is asked for, and refuses."""

        def service(self, _: object) -> object:
            def refuse(request: bytes, context: object) -> None:
                sites.append(context._rpc_event.call_details.host)
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "by the test")

            return grpc.unary_unary_rpc_method_handler(refuse)

    server = grpc.server(ThreadPoolExecutor(1), handlers=[SiteDouble()])
    url = f"grpc://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    connection = Connection(headers={"Host": "fer.example.com"})
    with Client(url, connection=connection) as client, pytest.raises(RequestRefusedError, match="by the test"):
        client.predict_pixels(np.zeros((1, 48, 48, 1), np.uint8))
    server.stop(None).wait()
    assert sites == [b"fer.example.com"]
    with pytest.raises(ServingError, match="open another Client"):
        client.status()
