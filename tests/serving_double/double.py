"""The double itself: versions and labels of one model, the knobs that tests turn, and both servers."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from serving_double.faults import ServingFault
from serving_double.received import ModelSpec, ReceivedRequest
from serving_double.rest_side import start_rest_server
from serving_double.served_model import Arrays, ServedFunction, ServedModel, ServedSavedModel

AVAILABLE = "AVAILABLE"


class TensorFlowServingDouble:
    """Serves versions of one model on free ports of this machine, from `with` on.

    Args:
        versions: number -> a function (signature name, inputs) -> outputs, the folder of a SavedModel, or a
            ServedModel. One that stands alone is version 1.
        name: of the model.
        labels: label -> version.
        is_cors_enabled: as `--rest_api_enable_cors_support` sets it.

    Attributes:
        requests: what was received, in order.
        models: version -> what answers.
        states: version -> its state as ModelVersionStatus spells it; only `AVAILABLE` ones answer.
    """

    def __init__(
        self,
        versions: Any,
        *,
        name: str = "fer",
        labels: Mapping[str, int] | None = None,
        is_cors_enabled: bool = True,
    ) -> None:
        numbered = versions if isinstance(versions, Mapping) else {1: versions}
        self.name = name
        self.labels = dict(labels or {})
        self.is_cors_enabled = is_cors_enabled
        self.requests: list[ReceivedRequest] = []
        self.states = dict.fromkeys(numbered, AVAILABLE)
        self.models = {version: _to_model(given) for version, given in numbered.items()}
        self._faults: list[ServingFault] = []
        self._lock = threading.Lock()
        self._is_free = threading.Event()
        self._is_free.set()
        self._stops: list[Callable[[], None]] = []

    def __enter__(self) -> "TensorFlowServingDouble":
        port, stop = start_rest_server(self)
        self._stops.append(stop)
        self.rest_url = f"http://127.0.0.1:{port}"
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        while self._stops:
            self._stops.pop()()

    def start_grpc(self) -> str:
        """Start the gRPC side too; its URL."""
        from serving_double.grpc_side import start_grpc_server

        port, stop = start_grpc_server(self)
        self._stops.append(stop)
        return f"grpc://127.0.0.1:{port}"

    def fail_next(self, count: int, code: str = "UNAVAILABLE", message: str = "made to fail by the test") -> None:
        """Answer the next `count` requests of any kind with an error."""
        self._faults += [ServingFault(code, message)] * count

    def hang(self) -> None:
        """Answer nothing until `release` or the end."""
        self._is_free.clear()

    def release(self) -> None:
        """End `hang`."""
        self._is_free.set()

    def receive(self, request: ReceivedRequest) -> None:
        """Note a request, wait while hanging, and raise the fault that is due."""
        with self._lock:
            self.requests.append(request)
            fault = self._faults.pop(0) if self._faults else None
        self._is_free.wait()
        if fault:
            raise fault

    def find_version(self, spec: ModelSpec) -> int:
        """The version that answers. Raises ServingFault, with TensorFlow Serving's words."""
        if spec.label is not None and (spec.name != self.name or spec.label not in self.labels):
            raise ServingFault("INVALID_ARGUMENT", f"Unrecognized servable version label: {spec.label}")
        wanted = self.labels[spec.label] if spec.label is not None else spec.version
        ready = [version for version, state in self.states.items() if state == AVAILABLE]
        if spec.name == self.name and wanted is None and ready:
            return max(ready)
        if spec.name == self.name and wanted in ready:
            return wanted
        sought = f"Latest({spec.name})" if wanted is None else f"Specific({spec.name}, {wanted})"
        raise ServingFault("NOT_FOUND", f"Servable not found for request: {sought}")

    def find_model(self, spec: ModelSpec) -> ServedModel:
        """The model that answers. Raises ServingFault."""
        return self.models[self.find_version(spec)]

    def list_states(self, spec: ModelSpec) -> dict[int, str]:
        """States by version. A label is passed over here, as TensorFlow Serving does. Raises ServingFault."""
        states = self.states if spec.name == self.name else {}
        if spec.version is not None:
            if spec.version not in states:
                raise ServingFault("NOT_FOUND", f"Could not find version {spec.version} of model {spec.name}")
            return {spec.version: states[spec.version]}
        if not states:
            raise ServingFault("NOT_FOUND", f"Could not find any versions of model {spec.name}")
        return dict(states)

    def run(self, spec: ModelSpec, signature_name: str, inputs: Arrays) -> Arrays:
        """Outputs of the model for inputs that were decoded. Raises ServingFault."""
        try:
            return {name: np.asarray(value) for name, value in self.find_model(spec)(signature_name, inputs).items()}
        except ServingFault:
            raise
        except Exception as error:
            raise ServingFault("INVALID_ARGUMENT", f"{type(error).__name__}: {error}") from error


def _to_model(given: Any) -> ServedModel:
    if isinstance(given, str | Path):
        return ServedSavedModel(Path(given))
    return given if hasattr(given, "signatures") else ServedFunction(given)
