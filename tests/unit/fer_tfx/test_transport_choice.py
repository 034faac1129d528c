"""Which transport a URL opens, and what it needs."""

import subprocess
import sys
from pathlib import Path

import pytest
from transport_double import TransportDouble

from fer_tfx.client.client import Client
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
