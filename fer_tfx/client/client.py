"""A model behind a server: pictures -> answers."""

from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np

from fer_tfx.client.checks import FileLimits, Window, check_pixels, find_broken, read_predictions, read_windows
from fer_tfx.client.connection import Connection
from fer_tfx.client.kserve import KServeTransport
from fer_tfx.client.rest import RestTransport
from fer_tfx.client.transport import (
    AVAILABLE,
    GRPC_SCHEMES,
    KSERVE_SCHEMES,
    Deadline,
    ModelAddress,
    Timing,
    Transport,
    VersionStatus,
    ask_with_retries,
    parse_address,
)
from fer_tfx.contract import INPUT_OF_SIGNATURE, SERVE_IMAGES, SERVE_PIXELS
from fer_tfx.errors import BadRequestError, ConfigError, DeadlineExceededError, RequestRefusedError, ServingError
from fer_tfx.prediction import Prediction
from fer_tfx.views import Pixels

_POLL_S = 0.5
_MAX_TIMEOUT_S = 1_000_000


class Client:
    """Asks a served model; threads may share it. Close it, or use it in `with`.

    Args:
        url: of TensorFlow Serving, `http://host:8501`, `https://host/prefix`: REST; `grpc://host:8500`,
            `grpcs://host:443`: gRPC; of what speaks KServe's v2 protocol, `kserve://host:8000`, `kserves://host/prefix`.
        model: its name on the server.
        version: of the model; None: the latest.
        label: instead of a version, such as `stable`; KServe has none.
        connection: headers, token, certificates, and version or label unless they are given here.
        timeout_s: that a whole call may last, over all its requests and attempts.
        attempts: for each request; further ones are made when there is no connection or the server is too busy.
        batch_size: the most pictures in a request.
        transport: instead of the one that the URL names.

    Raises ConfigError if an argument is out of range, or for gRPC without the extra `grpc`.
    """

    def __init__(
        self,
        url: str,
        *,
        model: str = "fer",
        version: int | None = None,
        label: str | None = None,
        connection: Connection | None = None,
        timeout_s: float = 10.0,
        attempts: int = 3,
        batch_size: int = 64,
        limits: FileLimits | None = None,
        timing: Timing | None = None,
        transport: Transport | None = None,
    ) -> None:
        for name, count in {"attempts": attempts, "batch_size": batch_size}.items():
            if count < 1:
                raise ConfigError(f"{name}: expected at least 1, got {count}")
        self._timeout_s = _check_seconds("timeout_s", timeout_s)
        self._attempts, self.batch_size = attempts, batch_size
        self._limits, self._timing = limits or FileLimits(), timing or Timing()
        connection = connection or Connection()
        version = connection.version if version is None else version
        self._address = parse_address(url, model, version, connection.label if label is None else label)
        connection.check_for(self._address.scheme, self._address.host)
        self._transport = transport or _open_transport(self._address, connection)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the connections."""
        self._transport.close()

    def predict_pixels(self, pixels: Pixels) -> list[Prediction]:
        """Answers for uint8 (n, 48, 48, 1) or (n, 48, 48), in order; n may be 0. Raises as `predict`."""
        return self.predict(check_pixels(pixels))

    def predict(self, images: Iterable[Pixels | bytes]) -> list[Prediction]:
        """Answers in order; images are uint8 (48, 48, 1) or (48, 48), or bytes of PNG, JPEG, GIF or BMP files, mixed.

        Raises BadRequestError if one is neither, or too large (its window was not sent), RequestRefusedError, whose
        `index` names it, if the server can't decode one, another ServingError for no answer, or a wrong one.
        """
        if isinstance(images, str | bytes | bytearray):
            raise BadRequestError(f"images: expected a list of pictures, got {type(images).__name__}; give [it]")
        deadline = Deadline(self._timeout_s, self._timing)
        windows = read_windows(images, self.batch_size, self._limits)
        return [prediction for window in windows for prediction in self._answer(window, deadline)]

    def status(self) -> list[VersionStatus]:
        """How the given version is, else all versions. Raises ServingError."""
        deadline = Deadline(self._timeout_s, self._timing)
        return ask_with_retries(self._transport.read_status, self._attempts, deadline, str(self._address))

    def wait_until_ready(self, deadline_s: float = 60.0) -> None:
        """Return when the model answers. Raises DeadlineExceededError, which says what was still in the way."""
        deadline = Deadline(_check_seconds("deadline_s", deadline_s), self._timing)
        while obstacle := self._find_obstacle(deadline):
            if deadline.measure_left_s() <= _POLL_S:
                raise DeadlineExceededError(f"{self._address}: not ready within {deadline_s:g} s: {obstacle}")
            self._timing.sleep(_POLL_S)

    def _find_obstacle(self, deadline: Deadline) -> str:
        """What keeps the model from answering; empty if nothing does."""

        def measure_s() -> float:
            return min(self._timeout_s, max(deadline.measure_left_s(), 0.001))

        try:
            found = self._transport.read_status(measure_s())
            if all(status.state != AVAILABLE for status in found):
                states = (f"version {each.version} is {each.state} {each.message}".strip() for each in found)
                return ", ".join(states) or "no version"
            self._transport.check_served(measure_s())
        except ServingError as error:
            return str(error)
        return ""

    def _answer(self, window: Window, deadline: Deadline) -> list[Prediction]:
        """Answers for pictures of both kinds, put back into order."""
        arrays = {at: picture for at, picture in window.items() if not isinstance(picture, bytes)}
        files = {at: picture for at, picture in window.items() if isinstance(picture, bytes)}
        answers: dict[int, Prediction] = {}
        if arrays:
            found = self._ask(SERVE_PIXELS, np.stack(list(arrays.values())), list(arrays), deadline)
            answers.update(zip(arrays, found, strict=True))
        if files:
            answers.update(zip(files, self._ask_about_files(files, deadline), strict=True))
        return [answers[at] for at in window]

    def _ask_about_files(self, files: dict[int, bytes], deadline: Deadline) -> list[Prediction]:
        positions, contents = list(files), list(files.values())
        ask = partial(self._ask, SERVE_IMAGES, positions=positions, deadline=deadline)
        try:
            return ask(contents)
        except RequestRefusedError as error:
            broken = find_broken(ask, contents) if error.is_invalid_argument else None
            if broken is None:
                raise
            raise RequestRefusedError(error.where, error.status, error.reason, positions[broken]) from error

    def _ask(
        self, signature: str, batch: Pixels | Sequence[bytes], positions: Sequence[int], deadline: Deadline
    ) -> list[Prediction]:
        """Checked answers for one batch, whose pictures have these positions for the caller."""
        where = f"{self._address}, signature {signature}"
        ask_once = partial(self._transport.predict, signature, INPUT_OF_SIGNATURE[signature], batch)
        outputs = ask_with_retries(ask_once, self._attempts, deadline, where)
        return read_predictions(outputs, positions[: len(batch)], where)


def _open_transport(address: ModelAddress, connection: Connection) -> Transport:
    if address.scheme not in GRPC_SCHEMES:
        return (KServeTransport if address.scheme in KSERVE_SCHEMES else RestTransport)(address, connection)
    try:
        from fer_tfx.client.grpc import GrpcTransport
    except ImportError as error:
        raise ConfigError(
            f"{error.name} is not installed, which gRPC needs: `pip install './fer_tfx[grpc]'` in a checkout of fer-tfx"
        ) from None
    return GrpcTransport(address, connection)


def _check_seconds(name: str, seconds: float) -> float:
    if not 0 < seconds <= _MAX_TIMEOUT_S:  # more is more than clocks and sockets can count
        raise ConfigError(f"{name}: expected a number of seconds above 0, at most {_MAX_TIMEOUT_S:,}, got {seconds}")
    return seconds
