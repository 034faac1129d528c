"""How a model is asked: its address, one attempt by REST, and one deadline over all attempts; grpc.py has gRPC."""

import base64
import http.client
import io
import json
import random
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar
from urllib.parse import quote, urlsplit

import numpy as np
import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError, SSLError
from urllib3.exceptions import TimeoutError as HTTPTimeoutError

from fer_tfx.client.connection import Connection, RequestHeaders, hide_secret
from fer_tfx.errors import (
    BadAnswerError,
    ConfigError,
    DeadlineExceededError,
    RequestRefusedError,
    ServerUnreachableError,
    ServingError,
    shorten,
)
from fer_tfx.views import Pixels

Answer = TypeVar("Answer")

AVAILABLE = "AVAILABLE"
_FIRST_WAIT_S = 0.1
_MAX_WAIT_S = 2.0
_REST_SCHEMES, GRPC_SCHEMES = ("http", "https"), ("grpc", "grpcs")
_EXPECTED = "expected http://host:8501, https://..., grpc://host:8500 or grpcs://..."
_BUSY = (429, 503)
_BAD_GATEWAY, _GATEWAY_TIMEOUT = 502, 504
_OTHER_CREDENTIALS = "check the token, the headers and the client certificate"
_REMEDIES = {  # by status, where the model isn't to blame
    **dict.fromkeys(("HTTP 401", "HTTP 403", "UNAUTHENTICATED", "PERMISSION_DENIED"), _OTHER_CREDENTIALS),
    **dict.fromkeys(("HTTP 301", "HTTP 302", "HTTP 307", "HTTP 308"), "give the URL that it leads to"),
    "HTTP 413": "send fewer pictures at once (batch_size), or raise the proxy's limit",
}
_READ_BYTES = 2**16
_MIN_TIMEOUT_S = 0.001
_MAX_ANSWER_BYTES = 2**25  # 32 MiB; the answer for one picture takes some 500 bytes
_PORTS = "is it the REST port, mostly 8501?"


@dataclass(frozen=True)
class ModelAddress:
    """A model on a server; `parse_address` makes one."""

    scheme: str
    host_and_port: str
    prefix: str  # of the path, for a server behind a proxy: empty or such as `/models/here`
    model: str
    version: int | None = None
    label: str | None = None

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host_and_port}{self.prefix}"

    @property
    def rest_url(self) -> str:
        """URL of the model in the REST API."""
        choice = "" if self.version is None else f"/versions/{self.version}"
        choice = choice if self.label is None else f"/labels/{quote(self.label, safe='')}"
        return f"{self.url}/v1/models/{quote(self.model, safe='')}{choice}"

    def __str__(self) -> str:
        choice = "" if self.version is None else f" version {self.version}"
        choice = choice if self.label is None else f" label {self.label}"
        return f"{self.url}, model {self.model}{choice}"


def parse_address(url: str, model: str, version: int | None = None, label: str | None = None) -> ModelAddress:
    """The address of the latest version of a model, of a given one, or of the one with a label. Raises ConfigError."""
    if version is not None and label is not None:
        raise ConfigError(f"model {model}: got version {version} and label {label}; give one of them")
    if version is not None and version < 0:
        raise ConfigError(f"model {model}: expected a version from 0 on, got {version}")
    if not model or "/" in model or ":" in model or label == "":
        raise ConfigError(f"expected names of a model and a label without / and :, got {model!r} and {label!r}")
    try:
        parts = urlsplit(url)
        has_port = parts.port is not None
    except ValueError as error:
        raise ConfigError(f"URL {url!r}: {error}; {_EXPECTED}") from None
    if "@" in parts.netloc:
        raise ConfigError(f"URL of {parts.hostname!r}: a user or password in it is not supported; leave it out")
    is_whole = parts.scheme in _REST_SCHEMES + GRPC_SCHEMES and bool(parts.hostname)
    if not is_whole or parts.query or parts.fragment or any(each.isspace() for each in url):
        raise ConfigError(f"URL {url!r}: {_EXPECTED}")
    if parts.scheme in GRPC_SCHEMES and (not has_port or parts.path.strip("/")):
        raise ConfigError(f"URL {url!r}: gRPC takes a port and no path; expected such as grpc://host:8500")
    return ModelAddress(parts.scheme, parts.netloc, parts.path.rstrip("/"), model, version, label)


class ProxyRefusalError(RequestRefusedError):
    """What stands in front of the model wants another request."""

    def __str__(self) -> str:
        return f"{self.where}: refused with {self.status}: {self.reason}; {_REMEDIES[self.status]}"


def build_refusal(where: str, status: str, reason: str) -> RequestRefusedError:
    """The error for a status that another attempt wouldn't change."""
    return (ProxyRefusalError if status in _REMEDIES else RequestRefusedError)(where, status, reason)


class VersionStatus(NamedTuple):
    """How one version of a model is."""

    version: int
    state: str  # START, LOADING, AVAILABLE, UNLOADING or END
    message: str  # what went wrong with it; mostly empty


class Transport(Protocol):
    """One attempt, of at most `timeout_s`, to ask one model. Raises ServingError: see its subclasses."""

    def predict(
        self, signature: str, input_name: str, batch: Pixels | Sequence[bytes], timeout_s: float
    ) -> Mapping[str, Any]:
        """All outputs by name, unchecked, for uint8 (n, 48, 48, 1) or the contents of n files; n is at least 1."""

    def read_status(self, timeout_s: float) -> list[VersionStatus]:
        """Of the address's version, else of all versions: TensorFlow Serving ignores a label here."""

    def check_served(self, timeout_s: float) -> None:
        """Return if a request to predict would find its model."""

    def close(self) -> None:
        """Free the connections."""


@dataclass(frozen=True)
class Timing:
    """Where time and chance come from."""

    clock: Callable[[], float] = time.monotonic  # seconds
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random  # 0 to 1


class Deadline:
    """The end of a call that starts now and may last `timeout_s`."""

    def __init__(self, timeout_s: float, timing: Timing) -> None:
        self.timeout_s, self.timing = timeout_s, timing
        self._end = timing.clock() + timeout_s

    def measure_left_s(self) -> float:
        """Seconds that are left; 0 or less: none."""
        return self._end - self.timing.clock()


def compute_wait_s(attempt: int, timing: Timing) -> float:
    """How long to wait after a failed attempt, counted from 0: half to all of 0.1 s, 0.2 s, 0.4 s, ..., 2 s."""
    longest = min(_MAX_WAIT_S, _FIRST_WAIT_S * 2.0**attempt)
    return longest * (0.5 + 0.5 * timing.random())


def ask_with_retries(ask: Callable[[float], Answer], attempts: int, deadline: Deadline, where: str) -> Answer:
    """What `ask` returns, given the seconds that are left; asked again where that may help.

    Raises the last attempt's ServerUnreachableError, or DeadlineExceededError if time is up before the next attempt.
    """
    last = ""
    for attempt in range(attempts):
        left_s = deadline.measure_left_s()
        if left_s <= 0:
            break
        try:
            return ask(left_s)
        except DeadlineExceededError as error:
            last = f" ({error})"
            break
        except ServerUnreachableError as error:
            if attempt + 1 == attempts:
                raise ServerUnreachableError(f"{error} (attempt {attempts} of {attempts})") from error
            last = f" ({error})"
            wait_s = compute_wait_s(attempt, deadline.timing)
        if wait_s >= deadline.measure_left_s():
            break
        deadline.timing.sleep(wait_s)
    raise DeadlineExceededError(
        f"{where}: no answer within {deadline.timeout_s:g} s{last}; give it more with timeout_s"
    )


class RestTransport:
    """By TensorFlow Serving's REST API, in column form: https://www.tensorflow.org/tfx/serving/api_rest."""

    def __init__(self, address: ModelAddress, connection: Connection) -> None:
        self._address, self._headers = address, RequestHeaders(connection)
        self._path = urlsplit(address.rest_url).path
        # urllib3's own limit would start each request's time anew when it gets its connection.
        self._free = threading.BoundedSemaphore(connection.pool_size)
        tls = {"ssl_context": connection.make_ssl_context()} if address.scheme == "https" else {}
        self._pool = urllib3.connection_from_url(address.url, maxsize=connection.pool_size, **tls)
        self._pool.ConnectionCls = type("Connection", (self._pool.ConnectionCls,), {"response_class": _TimedResponse})

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
            raise BadAnswerError(f"{where}: the answer has no object `outputs`; {_PORTS}")
        return outputs

    def read_status(self, timeout_s: float) -> list[VersionStatus]:
        answer = self._ask("GET", "", str(self._address), timeout_s)
        try:
            found = [(each, each.get("status", {})) for each in answer["model_version_status"]]
            return [
                VersionStatus(int(each["version"]), str(each["state"]), str(status.get("error_message", "")))
                for each, status in found
            ]
        except (AttributeError, KeyError, TypeError, ValueError):
            raise BadAnswerError(f"{self._address}: the answer is no status of a model; {_PORTS}") from None

    def check_served(self, timeout_s: float) -> None:
        self._ask("GET", "/metadata", str(self._address), timeout_s)

    def close(self) -> None:
        self._pool.close()

    def _ask(self, method: str, path: str, where: str, timeout_s: float, body: bytes | None = None) -> dict[str, Any]:
        end = time.monotonic() + timeout_s
        headers = self._headers.read() | {"Content-Type": "application/json", "Accept": "application/json"}
        if not self._free.acquire(timeout=timeout_s):
            raise DeadlineExceededError("all connections were busy; give it a larger pool_size")
        try:
            response = self._pool.request(
                method, self._path + path, body=body, headers=headers, retries=False, preload_content=False,
                timeout=urllib3.Timeout(total=max(end - time.monotonic(), _MIN_TIMEOUT_S)),
            )  # fmt: skip
            status, text = response.status, self._read(response, where)
        except HTTPError as error:
            raise _explain_failure(error, where) from error
        finally:
            self._free.release()
        if status == 200 and isinstance(answer := _parse(text), dict):
            return answer
        said = hide_secret(text.decode("utf-8", "replace"), headers)
        if status == 200:
            raise BadAnswerError(f"{where}: the answer is no JSON object but {_quote(said)}; {_PORTS}")
        reason = _find_reason(said)
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
                raise BadAnswerError(f"{where}: the answer is longer than {_MAX_ANSWER_BYTES:,} bytes; {_PORTS}")
        return bytes(text)


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


def _explain_failure(error: HTTPError, where: str) -> ServingError:
    found = shorten(str(error))
    if isinstance(error, HTTPTimeoutError) and not isinstance(error, NewConnectionError):
        return DeadlineExceededError(found)
    if isinstance(error, SSLError):
        remedy = "check the URL, the CA and the client certificate"
        return ServerUnreachableError(f"{where}: no secure connection ({found}); {remedy}")
    return ServerUnreachableError(f"{where}: can't be reached ({found}); does the server run, and {_PORTS}")


def _parse(text: bytes | str) -> Any:
    """A JSON text; None: it isn't one."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _find_reason(text: str) -> str:
    answer = _parse(text)
    return shorten(str(answer["error"])) if isinstance(answer, dict) and "error" in answer else _quote(text)


def _quote(text: str) -> str:
    return repr(shorten(text[:200]))
