"""The gRPC API, on the servicers of tensorflow-serving-api."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from fer_tfx.contract import SERVE_EXAMPLES
from serving_double.faults import ServingFault
from serving_double.received import ModelSpec, ReceivedRequest
from serving_double.served_model import STRING

if TYPE_CHECKING:
    from serving_double.double import TensorFlowServingDouble

_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)]
_THREADS = 4


def start_grpc_server(double: "TensorFlowServingDouble") -> tuple[int, Callable[[], None]]:
    """A server on a free port: the port, and what stops it."""
    server = grpc.server(ThreadPoolExecutor(_THREADS), options=_OPTIONS)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(_PredictionService(double), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_ModelService(double), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return port, lambda: server.stop(grace=None).wait()


class _PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, double: "TensorFlowServingDouble") -> None:
        self._double = double

    def Predict(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 (its name in the API)
        return _answer(context, lambda: self._predict(request))

    def GetModelMetadata(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 (its name in the API)
        return _answer(context, lambda: self._describe(request))

    def _predict(self, request: Any) -> Any:
        spec = _to_spec(request.model_spec)
        inputs = {name: _to_array(tensor) for name, tensor in request.inputs.items()}
        signature_name = request.model_spec.signature_name or SERVE_EXAMPLES
        details = {"signature_name": signature_name, "inputs": inputs}
        self._double.receive(ReceivedRequest("gRPC", "predict", spec, details))
        _check_inputs(inputs, signature_name, self._double.find_model(spec).signatures)
        response = predict_pb2.PredictResponse()
        response.model_spec.name, response.model_spec.signature_name = spec.name, signature_name
        response.model_spec.version.value = self._double.find_version(spec)
        for name, value in self._double.run(spec, signature_name, inputs).items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
        return response

    def _describe(self, request: Any) -> Any:
        """Inputs alone: a function doesn't say beforehand what it gives."""
        spec = _to_spec(request.model_spec)
        self._double.receive(ReceivedRequest("gRPC", "metadata", spec, {}))
        definitions = get_model_metadata_pb2.SignatureDefMap()
        for name, inputs in self._double.find_model(spec).signatures.items():
            infos = {key: meta_graph_pb2.TensorInfo(name=key, dtype=_to_enum(dtype)) for key, dtype in inputs.items()}
            definitions.signature_def[name].CopyFrom(meta_graph_pb2.SignatureDef(inputs=infos))
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = spec.name
        response.model_spec.version.value = self._double.find_version(spec)
        response.metadata["signature_def"].Pack(definitions)
        return response


class _ModelService(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, double: "TensorFlowServingDouble") -> None:
        self._double = double

    def GetModelStatus(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 (its name in the API)
        return _answer(context, lambda: self._list_states(request))

    def _list_states(self, request: Any) -> Any:
        spec = _to_spec(request.model_spec)
        self._double.receive(ReceivedRequest("gRPC", "status", spec, {}))
        response = get_model_status_pb2.GetModelStatusResponse()
        for version, state in sorted(self._double.list_states(spec).items(), reverse=True):
            response.model_version_status.add(version=version, state=state)
        return response


def _answer(context: grpc.ServicerContext, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except ServingFault as fault:
        return context.abort(grpc.StatusCode[fault.code], fault.message)


def _to_spec(found: Any) -> ModelSpec:
    version = found.version.value if found.HasField("version") else None
    return ModelSpec(found.name, version, found.version_label or None)


def _to_array(tensor: Any) -> np.ndarray:
    return tf.make_ndarray(tensor)


def _to_enum(dtype: np.dtype) -> int:
    return tf.string.as_datatype_enum if dtype == STRING else tf.as_dtype(dtype).as_datatype_enum


def _check_inputs(inputs: dict[str, np.ndarray], signature_name: str, signatures: Any) -> None:
    if signature_name not in signatures:
        raise ServingFault("FAILED_PRECONDITION", f'Serving signature key "{signature_name}" not found.')
    expected = signatures[signature_name]
    if set(inputs) != set(expected):
        lengths = f"{len(inputs)}!={len(expected)} len({{{','.join(inputs)}}}) != len({{{','.join(expected)}}})"
        raise ServingFault("INVALID_ARGUMENT", f"input size does not match signature: {lengths}.")
    for name, value in inputs.items():
        if value.dtype != expected[name]:
            raise ServingFault("INVALID_ARGUMENT", f"{name}: expected {expected[name]}, got {value.dtype}")
