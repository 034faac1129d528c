"""TensorFlow Serving's REST API, by urllib3: https://www.tensorflow.org/tfx/serving/api_rest."""

import base64
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError, TimeoutError

from fer_tfx.client.transport import ModelAddress, VersionStatus
from fer_tfx.errors import BadAnswerError, DeadlineExceededError, RequestRefusedError, ServerUnreachableError, shorten
from fer_tfx.prediction import Pixels

_BUSY = (429, 503)
_GATEWAY_TIMEOUT = 504
_READ_BYTES = 2**16
_MAX_ANSWER_BYTES = 2**25  # 32 MiB; the answer for one picture takes some 500 bytes
_PORTS = "is it the REST port, mostly 8501?"


class RestTransport:
    """Asks in column form, which repeats no name for each picture. The clock counts seconds."""

    def __init__(self, address: ModelAddress, clock: Callable[[], float] = time.monotonic) -> None:
        self._address, self._clock = address, clock
        self._pool = urllib3.PoolManager(retries=False)

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
            return [
                VersionStatus(
                    int(each["version"]), str(each["state"]), str(each.get("status", {}).get("error_message", ""))
                )
                for each in answer["model_version_status"]
            ]
        except (AttributeError, KeyError, TypeError, ValueError):
            raise BadAnswerError(f"{self._address}: the answer is no status of a model; {_PORTS}") from None

    def check_served(self, timeout_s: float) -> None:
        self._ask("GET", "/metadata", str(self._address), timeout_s)

    def close(self) -> None:
        self._pool.clear()

    def _ask(self, method: str, path: str, where: str, timeout_s: float, body: bytes | None = None) -> dict[str, Any]:
        end = self._clock() + timeout_s
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        try:
            response = self._pool.request(
                method, self._address.rest_url + path, body=body, headers=headers, retries=False, preload_content=False,
                timeout=urllib3.Timeout(total=timeout_s),
            )  # fmt: skip
            status, text = response.status, self._read(response, end, where)
        except HTTPError as error:
            if isinstance(error, TimeoutError) and not isinstance(error, NewConnectionError):
                raise DeadlineExceededError(shorten(str(error))) from error
            found = f"can't be reached ({shorten(str(error))}); does the server run, and {_PORTS}"
            raise ServerUnreachableError(f"{where}: {found}") from error
        if status in _BUSY:
            raise ServerUnreachableError(f"{where}: too busy, HTTP {status}: {_find_reason(text)}; try again later")
        if status == _GATEWAY_TIMEOUT:
            raise DeadlineExceededError(f"HTTP {status}: {_find_reason(text)}")
        if status != 200:
            raise RequestRefusedError(where, f"HTTP {status}", _find_reason(text))
        try:
            answer = json.loads(text)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise BadAnswerError(f"{where}: the answer is no JSON object but {_quote(text)}; {_PORTS}")
        return answer

    def _read(self, response: urllib3.BaseHTTPResponse, end: float, where: str) -> bytes:
        """The answer piece by piece: urllib3's timeout is for each piece, and an answer may never end."""
        text = bytearray()
        while piece := response.read1(_READ_BYTES):
            text += piece
            if len(text) > _MAX_ANSWER_BYTES or self._clock() > end:
                response.close()
                if len(text) <= _MAX_ANSWER_BYTES:
                    raise DeadlineExceededError(f"the answer had not ended after {len(text):,} bytes")
                raise BadAnswerError(f"{where}: the answer is longer than {_MAX_ANSWER_BYTES:,} bytes; {_PORTS}")
        return bytes(text)


def _find_reason(text: bytes) -> str:
    try:
        return shorten(str(json.loads(text)["error"]))
    except (ValueError, RecursionError, KeyError, TypeError):
        return _quote(text)


def _quote(text: bytes) -> str:
    return repr(shorten(text[:200].decode("utf-8", "replace")))
