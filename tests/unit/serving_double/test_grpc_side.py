"""The double speaks gRPC as TensorFlow Serving does; expected codes and texts are those of its sources."""

import grpc
import numpy as np
import pytest
import tensorflow as tf
from serving_double import TensorFlowServingDouble, answer_by_first_value
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)


@pytest.fixture
def stub():
    versions = {1: answer_by_first_value, 7: answer_by_first_value}
    with (
        TensorFlowServingDouble(versions, labels={"canary": 1}) as double,
        grpc.insecure_channel(double.start_grpc().removeprefix("grpc://")) as channel,
    ):
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


def build_request(signature_name="serve_pixels", name="pixels", value=0, dtype=np.uint8):
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "fer", signature_name
    request.inputs[name].CopyFrom(tf.make_tensor_proto(np.full((1, 48, 48, 1), value, dtype)))
    return request


def test_predict_answer_names_the_version_that_gave_it(stub):
    request = build_request(value=3)
    response = stub.Predict(request)
    assert (response.model_spec.version.value, response.model_spec.signature_name) == (7, "serve_pixels")
    assert tf.make_ndarray(response.outputs["class_name"]).tolist() == [[b"happy"]]
    request.model_spec.version_label = "canary"
    assert stub.Predict(request).model_spec.version.value == 1


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"signature_name": "nope"}, "FAILED_PRECONDITION", 'Serving signature key "nope" not found.'),
        ({"name": "other"}, "INVALID_ARGUMENT", "input size does not match signature: 1!=1 len({other}) != len({pix"),
        ({"dtype": np.float32}, "INVALID_ARGUMENT", "pixels: expected uint8, got float32"),
    ],
)
def test_predict_request_that_does_not_fit_the_signature_is_refused(stub, changes, code, said):
    with pytest.raises(grpc.RpcError) as caught:
        stub.Predict(build_request(**changes))
    assert caught.value.code().name == code
    assert caught.value.details().startswith(said)


def test_metadata_names_inputs_of_every_signature(stub):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "fer"
    response = stub.GetModelMetadata(request)
    found = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(found)
    assert found.signature_def["serve_pixels"].inputs["pixels"].dtype == tf.uint8.as_datatype_enum
    assert found.signature_def["serve_images"].inputs["image_bytes"].dtype == tf.string.as_datatype_enum
    assert set(found.signature_def) == {"serving_default", "serve_pixels", "serve_images"}
