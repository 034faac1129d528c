"""TensorFlow Serving's gRPC API, by the stubs of tensorflow-serving-api, which bring TensorFlow: the extra `grpc`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import grpc
import numpy as np
import tensorflow
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2
from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceStub
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from fer_tfx.client.connection import Connection, RequestHeaders, hide_secret
from fer_tfx.client.transport import ModelAddress, VersionStatus, build_refusal
from fer_tfx.errors import BadAnswerError, DeadlineExceededError, ServerUnreachableError, ServingError, shorten
from fer_tfx.views import Pixels

_HOST = "host"
_BUSY = ("UNAVAILABLE", "RESOURCE_EXHAUSTED")
_OPTIONS = {
    "grpc.max_send_message_length": -1,
    "grpc.max_receive_message_length": 2**25,
    # Else a channel that lost its server asks anew only after a second, which outlasts all attempts.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.min_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1000,
    # As in REST: a proxy in the environment is not asked.
    "grpc.enable_http_proxy": 0,
}


class GrpcTransport:
    """Asks by protocol buffers."""

    def __init__(self, address: ModelAddress, connection: Connection) -> None:
        self._address = address
        self._headers = RequestHeaders(connection)
        # As by REST, a header Host chooses the site of an ingress; gRPC has its own word for it.
        hosts = [
            ("grpc.default_authority", value) for name, value in connection.headers.items() if name.lower() == _HOST
        ]
        options = [*_OPTIONS.items(), *hosts]
        if address.scheme == "grpcs":
            credentials = _load_credentials(connection)
            self._channel = grpc.secure_channel(address.host_and_port, credentials, options)
        else:
            self._channel = grpc.insecure_channel(address.host_and_port, options)
        self._prediction = PredictionServiceStub(self._channel)
        self._model = ModelServiceStub(self._channel)

    def predict(
        self, signature: str, input_name: str, batch: Pixels | Sequence[bytes], timeout_s: float
    ) -> Mapping[str, Any]:
        request = predict_pb2.PredictRequest()
        self._fill_spec(request.model_spec)
        request.model_spec.signature_name = signature
        dtype = tensorflow.uint8 if isinstance(batch, np.ndarray) else tensorflow.string
        request.inputs[input_name].CopyFrom(tensorflow.make_tensor_proto(batch, dtype))
        where = f"{self._address}, signature {signature}"
        response = self._ask(self._prediction.Predict, request, where, timeout_s)
        try:
            return {name: tensorflow.make_ndarray(tensor) for name, tensor in response.outputs.items()}
        except (TypeError, ValueError) as error:
            raise BadAnswerError(f"{where}: an output is no tensor ({shorten(str(error))})") from None

    def read_status(self, timeout_s: float) -> list[VersionStatus]:
        request = get_model_status_pb2.GetModelStatusRequest()
        self._fill_spec(request.model_spec)
        response = self._ask(self._model.GetModelStatus, request, str(self._address), timeout_s)
        name_state = get_model_status_pb2.ModelVersionStatus.State.Name
        return [
            VersionStatus(found.version, name_state(found.state), found.status.error_message)
            for found in response.model_version_status
        ]

    def check_served(self, timeout_s: float) -> None:
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        self._fill_spec(request.model_spec)
        self._ask(self._prediction.GetModelMetadata, request, str(self._address), timeout_s)

    def close(self) -> None:
        self._channel.close()

    def _fill_spec(self, spec: Any) -> None:
        spec.name = self._address.model
        if self._address.version is not None:
            spec.version.value = self._address.version
        if self._address.label is not None:
            spec.version_label = self._address.label

    def _ask(self, method: Callable[..., Any], request: Any, where: str, timeout_s: float) -> Any:
        headers = self._headers.read()
        try:
            metadata = [(name.lower(), value) for name, value in headers.items() if name.lower() != _HOST]
            return method(request, timeout=timeout_s, metadata=metadata)
        except ValueError as error:  # of a channel that was closed
            raise ServingError(f"{where}: {shorten(str(error))}; open another Client") from None
        except grpc.RpcError as error:
            code, reason = error.code().name, shorten(hide_secret(error.details() or "", headers))
        if code in _BUSY:
            is_secure = self._address.scheme == "grpcs"
            hint = "do the CA and the client certificate fit?" if is_secure else "is it the gRPC port, mostly 8500?"
            found = f"can't be reached or is too busy, {code}: {reason}"
            raise ServerUnreachableError(f"{where}: {found}; does the server run, and {hint}")
        if code == "DEADLINE_EXCEEDED":
            raise DeadlineExceededError(reason)
        raise build_refusal(where, code, reason)


def _load_credentials(connection: Connection) -> grpc.ChannelCredentials:
    connection.make_ssl_context()  # which names a file that can't be used; gRPC would call the server unavailable
    ca, cert, key = (
        path.read_bytes() if path else None
        for path in (connection.ca, connection.cert, connection.key or connection.cert)
    )
    return grpc.ssl_channel_credentials(ca, key, cert)
