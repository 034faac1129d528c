"""KServe's v2 protocol, which Triton speaks too: https://github.com/kserve/open-inference-protocol."""

import json
import struct
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fer_tfx.client.connection import Connection
from fer_tfx.client.rest import JsonTransport
from fer_tfx.client.transport import AVAILABLE, ModelAddress, VersionStatus
from fer_tfx.contract import ABSTAIN_KEY, CLASS_INDEX_KEY, CLASS_NAME_KEY, CONFIDENCE_KEY
from fer_tfx.errors import BadAnswerError
from fer_tfx.views import Pixels

# Of outputs with one value for each picture, to which a server that batches gives a second axis.
_SHAPES = {CLASS_INDEX_KEY: (-1,), CLASS_NAME_KEY: (-1, 1), CONFIDENCE_KEY: (-1,), ABSTAIN_KEY: (-1,)}
_BINARY = {"Content-Type": "application/octet-stream"}


class KServeTransport(JsonTransport):
    """By its REST API: pixels in JSON, files by the extension for binary data. An input stands for its signature."""

    hint = "is it the port of KServe's REST API, at Triton 8000?"

    def __init__(self, address: ModelAddress, connection: Connection) -> None:
        super().__init__(address, connection)
        self._ranks: dict[str, int] = {}  # of the inputs, once they are known

    def predict(
        self, signature: str, input_name: str, batch: Pixels | Sequence[bytes], timeout_s: float
    ) -> Mapping[str, Any]:
        end = time.monotonic() + timeout_s
        where = f"{self._address}, signature {signature}"
        if not self._ranks:
            self.check_served(timeout_s)
        if input_name not in self._ranks:
            raise BadAnswerError(
                f"{where}: the model has no input {input_name}, but {', '.join(map(str, self._ranks))}"
            )
        shape = batch.shape if isinstance(batch, np.ndarray) else (len(batch), 1)
        tensor: dict[str, Any] = {"name": input_name, "shape": shape[: self._ranks[input_name]]}
        if isinstance(batch, np.ndarray):
            tensor |= {"datatype": "UINT8", "data": batch.ravel().tolist()}
            sent: dict[str, Any] = {"body": _encode(tensor)}
        else:
            content = b"".join(struct.pack("<I", len(file)) + file for file in batch)
            head = _encode(tensor | {"datatype": "BYTES", "parameters": {"binary_data_size": len(content)}})
            headers = {"Inference-Header-Content-Length": str(len(head)), **_BINARY}
            sent = {"body": head + content, "headers": headers}
        answer = self._ask("POST", "/infer", where, end - time.monotonic(), **sent)
        try:
            return {each["name"]: _read_output(each) for each in answer["outputs"]}
        except (KeyError, TypeError, ValueError):
            raise BadAnswerError(f"{where}: the answer has no list `outputs` of tensors; {self.hint}") from None

    def read_status(self, timeout_s: float) -> list[VersionStatus]:
        """A server may have no numbers of versions: then it is 0."""
        end = time.monotonic() + timeout_s
        found = self._read_metadata(timeout_s).get("versions") or [self._address.version or 0]
        self._ask("GET", "/ready", str(self._address), end - time.monotonic(), may_be_empty=True)
        try:
            return [VersionStatus(int(version), AVAILABLE, "") for version in found]
        except (OverflowError, TypeError, ValueError):
            raise BadAnswerError(f"{self._address}: `versions` is no list of numbers; {self.hint}") from None

    def check_served(self, timeout_s: float) -> None:
        inputs = self._read_metadata(timeout_s).get("inputs")
        try:
            self._ranks = {each["name"]: len(each["shape"]) for each in inputs or ()}
        except (KeyError, TypeError):
            raise BadAnswerError(f"{self._address}: `inputs` is no list of tensors; {self.hint}") from None

    def _read_metadata(self, timeout_s: float) -> dict[str, Any]:
        return self._ask("GET", "", str(self._address), timeout_s)


def _encode(tensor: Mapping[str, Any]) -> bytes:
    return json.dumps({"inputs": [tensor]}).encode()


def _read_output(tensor: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    """Raises KeyError, TypeError or ValueError: it is none, or not in JSON."""
    return np.asarray(tensor["data"]).reshape(_SHAPES.get(tensor["name"], tensor["shape"]))
