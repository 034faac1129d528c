"""How a model is asked: its address, and one deadline over all attempts; rest.py, kserve.py, grpc.py make one each."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar
from urllib.parse import quote, urlsplit

from fer_tfx.errors import (
    ConfigError,
    DeadlineExceededError,
    RequestRefusedError,
    ServerUnreachableError,
)
from fer_tfx.views import Pixels

Answer = TypeVar("Answer")

AVAILABLE = "AVAILABLE"
_FIRST_WAIT_S = 0.1
_MAX_WAIT_S = 2.0
_REST_SCHEMES, GRPC_SCHEMES, KSERVE_SCHEMES = ("http", "https"), ("grpc", "grpcs"), ("kserve", "kserves")
_EXPECTED = (
    "expected http://host:8501, grpc://host:8500 or kserve://host:8000, with TLS https://, grpcs:// or kserves://"
)
_OTHER_CREDENTIALS = "check the token, the headers and the client certificate"
_REMEDIES = {  # by status, where the model isn't to blame
    **dict.fromkeys(("HTTP 401", "HTTP 403", "UNAUTHENTICATED", "PERMISSION_DENIED"), _OTHER_CREDENTIALS),
    **dict.fromkeys(("HTTP 301", "HTTP 302", "HTTP 307", "HTTP 308"), "give the URL that it leads to"),
    "HTTP 413": "send fewer pictures at once (batch_size), or raise the proxy's limit",
}


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
        """URL of the model in the REST API of TensorFlow Serving or KServe."""
        choice = "" if self.version is None else f"/versions/{self.version}"
        choice = choice if self.label is None else f"/labels/{quote(self.label, safe='')}"
        api = "v2" if self.scheme in KSERVE_SCHEMES else "v1"
        return f"{self.url}/{api}/models/{quote(self.model, safe='')}{choice}"

    def __str__(self) -> str:
        choice = "" if self.version is None else f" version {self.version}"
        choice = choice if self.label is None else f" label {self.label}"
        return f"{self.url}, model {self.model}{choice}"


def parse_address(url: str, model: str, version: int | None = None, label: str | None = None) -> ModelAddress:
    """The address of the latest version of a model, of a given one, or of the one with a label. Raises ConfigError."""
    if version is not None and label is not None:
        raise ConfigError(f"model {model}: got version {version} and label {label}; give one of them")
    if version is not None and not 0 <= version < 2**63:
        raise ConfigError(f"model {model}: expected a version from 0 to 2^63 - 1, got {version}")
    if not model or "/" in model or ":" in model or label == "":
        raise ConfigError(f"expected names of a model and a label without / and :, got {model!r} and {label!r}")
    try:
        parts = urlsplit(url)
        has_port = parts.port is not None
    except ValueError as error:
        raise ConfigError(f"URL {url!r}: {error}; {_EXPECTED}") from None
    if "@" in parts.netloc:
        raise ConfigError(f"URL of {parts.hostname!r}: a user or password in it is not supported; leave it out")
    is_whole = parts.scheme in _REST_SCHEMES + GRPC_SCHEMES + KSERVE_SCHEMES and bool(parts.hostname)
    if (
        not is_whole
        or parts.query
        or parts.fragment
        or any(each.isspace() or not each.isprintable() or each == "\\" for each in url)
    ):
        raise ConfigError(f"URL {url!r}: {_EXPECTED}")
    if parts.scheme in GRPC_SCHEMES and (not has_port or parts.path.strip("/")):
        raise ConfigError(f"URL {url!r}: gRPC takes a port and no path; expected such as grpc://host:8500")
    if parts.scheme in KSERVE_SCHEMES and label is not None:
        raise ConfigError(f"model {model}: got label {label}, which KServe's protocol has none of; give a version")
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
    longest = min(_MAX_WAIT_S, _FIRST_WAIT_S * 2.0 ** min(attempt, 30))
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
        f"{where}: no answer within {deadline.timeout_s:g} s{last}; give it more with timeout_s (--timeout)"
    )
