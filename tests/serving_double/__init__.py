"""A stand-in for TensorFlow Serving that tests start in their own process.

double.py         TensorFlowServingDouble: the model's versions and labels, the knobs, both servers
folder_polls.py   how the server follows a folder of versions and models.config
received.py       what came in
served_model.py   what answers: a plain function, or a real SavedModel
fer_function.py   a function that answers as an exported model does, for a given class
faults.py         canonical status codes, and what they are in HTTP
json_tensors.py   JSON -> arrays and back, in row and column form
rest_side.py      the REST API
kserve_side.py    KServe's v2 protocol, on the same port
grpc_side.py      the gRPC API; needs TensorFlow

Errors, codes and oddities follow the sources of TensorFlow Serving (tensorflow/serving 9d981c5):
`util/json_tensor.cc`, `model_servers/http_rest_api_util.cc`, `http_server.cc`, `server_core.cc`,
`get_model_status_impl.cc` and `servables/tensorflow/predict_util.cc`. What it can't prove: batching and its queues,
warm-up, the C++ JSON parser (its leniency, its wording of parse errors, its
digits of floats), `classify` and `regress`, compression, and how fast or under which load a server answers.
"""

from serving_double.double import TensorFlowServingDouble
from serving_double.faults import ServingFault
from serving_double.fer_function import answer_by_first_value
from serving_double.folder_polls import FolderPolls
from serving_double.received import ModelSpec, ReceivedRequest
from serving_double.served_model import FER_SIGNATURES, ServedFunction, ServedSavedModel

__all__ = [
    "FER_SIGNATURES",
    "FolderPolls",
    "ModelSpec",
    "ReceivedRequest",
    "ServedFunction",
    "ServedSavedModel",
    "ServingFault",
    "TensorFlowServingDouble",
    "answer_by_first_value",
]
