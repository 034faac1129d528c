"""KServe's v2 protocol by REST, as Triton 2.51 was seen to answer with what lies in kubeflow/serving/triton."""

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np

from fer_tfx.contract import SERVE_IMAGES, SERVE_PIXELS
from serving_double.faults import ServingFault
from serving_double.json_tensors import to_json
from serving_double.received import ModelSpec, ReceivedRequest

if TYPE_CHECKING:
    from serving_double.double import TensorFlowServingDouble

_PATH = re.compile(r"/v2/models/([^/]+)(?:/versions/(\d+))?(?:/(ready|infer))?")
_INPUTS = {"pixels": (SERVE_PIXELS, "UINT8", [48, 48, 1]), "image_bytes": (SERVE_IMAGES, "BYTES", [1])}
_TYPES = {"f": "FP32", "i": "INT64", "b": "BOOL", "O": "BYTES"}


def get(double: "TensorFlowServingDouble", path: str) -> Any:
    """The answer to a question about a model; None: an empty one. Raises ServingFault."""
    spec, action = _match(path)
    double.receive(ReceivedRequest("KServe", "status" if action else "metadata", spec, {}))
    try:
        double.find_version(spec)
    except ServingFault:
        if action:
            raise ServingFault("INVALID_ARGUMENT", "Model version not ready") from None
        version = "" if spec.version is None else f" version {spec.version}"
        message = f"Request for unknown model: '{spec.name}'{version} is not found"
        raise ServingFault("NOT_FOUND", message) from None
    if action:
        return None
    ready = [version for version, state in sorted(double.states.items()) if state == "AVAILABLE"]
    return {
        "name": spec.name,
        "versions": [str(each) for each in ([spec.version] if spec.version is not None else ready)],
        "inputs": [
            {"name": name, "datatype": datatype, "shape": [-1, *shape]}
            for name, (_, datatype, shape) in _INPUTS.items()
        ],
    }


def post(double: "TensorFlowServingDouble", path: str, body: bytes, headers: Mapping[str, str]) -> Any:
    """The answer to a request to predict. Raises ServingFault."""
    spec, _ = _match(path)
    size = int(headers.get("Inference-Header-Content-Length", len(body)))
    head, content = json.loads(body[:size]), body[size:]
    double.receive(ReceivedRequest("KServe", "predict", spec, head))
    (tensor,) = head["inputs"]
    if tensor["name"] not in _INPUTS:
        raise ServingFault("INVALID_ARGUMENT", f"unexpected inference input '{tensor['name']}' for model 'fer'")
    signature, datatype, shape = _INPUTS[tensor["name"]]
    if (tensor["datatype"], tensor["shape"][1:]) != (datatype, shape):
        raise ServingFault("INVALID_ARGUMENT", f"unexpected shape for input '{tensor['name']}' for model 'fer'")
    if datatype == "UINT8":
        batch = np.array(tensor["data"], np.uint8).reshape(tensor["shape"])
    else:
        batch = np.array(_cut(content, tensor["parameters"]["binary_data_size"]), object)
    outputs = double.run(spec, signature, {tensor["name"]: batch})
    return {"model_name": spec.name, "outputs": [_encode(name, value) for name, value in outputs.items()]}


def _match(path: str) -> tuple[ModelSpec, str | None]:
    found = _PATH.fullmatch(path)
    if not found:
        raise ServingFault("NOT_FOUND", "Not Found")
    return ModelSpec(unquote(found[1]), int(found[2]) if found[2] else None), found[3]


def _cut(content: bytes, size: int) -> list[bytes]:
    """Elements of BYTES, each after its length."""
    found = []
    while content and size == len(content) + sum(len(each) + 4 for each in found):
        end = 4 + int.from_bytes(content[:4], "little")
        found.append(content[4:end])
        content = content[end:]
    return found


def _encode(name: str, value: np.ndarray) -> dict[str, Any]:
    """Batches have no outputs of rank 1, and data stand in one row."""
    value = value.reshape(len(value), -1)
    data = to_json(value.ravel(), name)
    return {"name": name, "datatype": _TYPES[value.dtype.kind], "shape": list(value.shape), "data": data}
