"""A model asked by HTTP and JSON, one attempt at a time; by TensorFlow Serving's REST API. kserve.py has KServe's."""

import base64
import http.client
import io
import json
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import urllib3
from urllib3.exceptions import HTTPError, LocationValueError, NewConnectionError, ProtocolError, SSLError
from urllib3.exceptions import TimeoutError as HTTPTimeoutError

from fer_tfx.client.connection import SECURE_SCHEMES, Connection, RequestHeaders, hide_secret
from fer_tfx.client.transport import ModelAddress, VersionStatus, build_refusal
from fer_tfx.errors import (
    BadAnswerError,
    ConfigError,
    DeadlineExceededError,
    ServerUnreachableError,
    ServingError,
    shorten,
)
from fer_tfx.views import Pixels

_BUSY = (429, 503)
_BAD_GATEWAY, _GATEWAY_TIMEOUT = 502, 504
_READ_BYTES = 2**16
_MIN_TIMEOUT_S = 0.001
_JSON = {"Content-Type": "application/json"}
_MAX_ANSWER_BYTES = 2**25  # 32 MiB; the answer for one picture takes some 500 bytes


class JsonTransport:
    """Requests that are answered by JSON objects."""

    hint = ""  # what to ask if something else answers

    def __init__(self, address: ModelAddress, connection: Connection) -> None:
        self._address, self._headers = address, RequestHeaders(connection)
        url = urlsplit(address.rest_url)
        self._path = url.path
        # urllib3's own limit would start each request's time anew when it gets its connection.
        self._free = threading.BoundedSemaphore(connection.pool_size)
        tls = {"ssl_context": connection.make_ssl_context()} if address.scheme in SECURE_SCHEMES else {}
        server = f"{'https' if tls else 'http'}://{url.netloc}"
        try:
            self._pool = urllib3.connection_from_url(server, maxsize=connection.pool_size, **tls)
        except LocationValueError:
            raise ConfigError(f"URL {address.url!r}: {url.hostname!r} is no name of a host; check the URL") from None
        self._pool.ConnectionCls = type("Connection", (self._pool.ConnectionCls,), {"response_class": _TimedResponse})

    def close(self) -> None:
        self._pool.close()

    def _ask(
        self, method: str, path: str, where: str, timeout_s: float,
        body: bytes | None = None, headers: Mapping[str, str] = _JSON, may_be_empty: bool = False,
    ) -> dict[str, Any]:  # fmt: skip
        end = time.monotonic() + timeout_s
        headers = {**self._headers.read(), "Accept": "application/json", **headers}
        if not self._free.acquire(timeout=timeout_s):
            raise DeadlineExceededError("all connections were busy; give it a larger pool_size")
        try:
            response = self._pool.request(
                method, self._path + path, body=body, headers=headers, retries=False, preload_content=False,
                timeout=urllib3.Timeout(total=max(end - time.monotonic(), _MIN_TIMEOUT_S)),
            )  # fmt: skip
            status, text = response.status, self._read(response, where)
        except HTTPError as error:
            raise _explain_failure(error, where, self.hint) from error
        finally:
            self._free.release()
        if status == 200 and isinstance(answer := _parse(text), dict):
            return answer
        if status == 200 and may_be_empty and not text:
            return {}
        said = hide_secret(text.decode("utf-8", "replace"), headers)
        if status == 200:
            raise BadAnswerError(f"{where}: the answer is no JSON object but {_quote(said)}; {self.hint}")
        reason = _find_reason(said, headers)
        if status in _BUSY:
            raise ServerUnreachableError(f"{where}: too busy, HTTP {status}: {reason}; try again later")
        if status == _BAD_GATEWAY:
            remedy = "the server behind it is down or restarting, try again later"
            raise ServerUnreachableError(f"{where}: HTTP {status} from a proxy: {reason}; {remedy}")
        if status == _GATEWAY_TIMEOUT:
            raise DeadlineExceededError(f"HTTP {status}: {reason}")
        raise build_refusal(where, f"HTTP {status}", reason)

    def _read(self, response: urllib3.BaseHTTPResponse, where: str) -> bytes:
        """The answer piece by piece, as it may never end."""
        text = bytearray()
        while piece := response.read1(_READ_BYTES):
            text += piece
            if len(text) > _MAX_ANSWER_BYTES:
                response.close()
                raise BadAnswerError(f"{where}: the answer is longer than {_MAX_ANSWER_BYTES:,} bytes; {self.hint}")
        return bytes(text)


class RestTransport(JsonTransport):
    """By TensorFlow Serving's REST API, in column form: https://www.tensorflow.org/tfx/serving/api_rest."""

    hint = "is it the REST port, mostly 8501?"

    def predict(
        self, signature: str, input_name: str, batch: Pixels | Sequence[bytes], timeout_s: float
    ) -> Mapping[str, Any]:
        pictures = (
            batch.tolist()
            if isinstance(batch, np.ndarray)
            else [{"b64": base64.b64encode(file).decode()} for file in batch]
        )
        body = {"signature_name": signature, "inputs": {input_name: pictures}}
        where = f"{self._address}, signature {signature}"
        answer = self._ask("POST", ":predict", where, timeout_s, json.dumps(body).encode())
        outputs = answer.get("outputs")
        if not isinstance(outputs, dict):
            raise BadAnswerError(f"{where}: the answer has no object `outputs`; {self.hint}")
        return outputs

    def read_status(self, timeout_s: float) -> list[VersionStatus]:
        answer = self._ask("GET", "", str(self._address), timeout_s)
        try:
            found = [(each, each.get("status", {})) for each in answer["model_version_status"]]
            return [
                VersionStatus(int(each["version"]), str(each["state"]), str(status.get("error_message", "")))
                for each, status in found
            ]
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
            raise BadAnswerError(f"{self._address}: the answer is no status of a model; {self.hint}") from None

    def check_served(self, timeout_s: float) -> None:
        self._ask("GET", "/metadata", str(self._address), timeout_s)


class _TimedResponse(http.client.HTTPResponse):
    """An answer that must end within the socket's timeout, which else each piece of it may take."""

    def __init__(self, sock: socket.socket, *arguments: Any, **settings: Any) -> None:
        super().__init__(sock, *arguments, **settings)
        self.fp = io.BufferedReader(_TimedReader(self.fp.detach(), sock))


class _TimedReader(io.RawIOBase):
    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw, self._socket = raw, sock
        self._end = time.monotonic() + (sock.gettimeout() or 0.0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_s = self._end - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("timed out")
        self._socket.settimeout(left_s)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


def _explain_failure(error: HTTPError, where: str, hint: str) -> ServingError:
    found = shorten(str(error))
    is_late = isinstance(error, ProtocolError) and any(isinstance(each, TimeoutError) for each in error.args)
    if is_late or (isinstance(error, HTTPTimeoutError) and not isinstance(error, NewConnectionError)):
        return DeadlineExceededError(found)
    if isinstance(error, SSLError):
        remedy = "check the URL, the CA and the client certificate"
        return ServerUnreachableError(f"{where}: no secure connection ({found}); {remedy}")
    return ServerUnreachableError(f"{where}: can't be reached ({found}); does the server run, and {hint}")


def _parse(text: bytes | str) -> Any:
    """A JSON text; None: it isn't one."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _find_reason(text: str, headers: Mapping[str, str]) -> str:
    answer = _parse(text)
    if isinstance(answer, dict) and "error" in answer:
        return shorten(hide_secret(str(answer["error"]), headers))  # whose letters JSON may have escaped
    return _quote(text)


def _quote(text: str) -> str:
    return repr(shorten(text[:200]))
