"""The double speaks REST as TensorFlow Serving does; expected texts are those of its sources and its documentation."""

import base64
import http.client
import io
import json

import numpy as np
import pytest
from PIL import Image
from serving_double import ServedFunction, TensorFlowServingDouble, answer_by_first_value
from serving_double.fer_function import build_outputs


@pytest.fixture
def double():
    with TensorFlowServingDouble({1: answer_by_first_value, 7: answer_by_first_value}, labels={"canary": 1}) as double:
        yield double


def ask(double, method, path, body=None, headers=None):
    """Status, headers and JSON of one answer."""
    connection = http.client.HTTPConnection(double.rest_url.removeprefix("http://"), timeout=5)
    try:
        connection.request(method, path, body if isinstance(body, bytes | None) else json.dumps(body), headers or {})
        response = connection.getresponse()
        text = response.read()
        return response.status, response.headers, json.loads(text) if text else None
    finally:
        connection.close()


def picture_of(value):
    return np.full((48, 48, 1), value, np.uint8)


def file_of(value):
    stream = io.BytesIO()
    Image.fromarray(picture_of(value)[..., 0]).save(stream, "PNG")
    return {"b64": base64.b64encode(stream.getvalue()).decode()}


def predict(double, body, path="/v1/models/fer:predict"):
    status, _, answer = ask(double, "POST", path, body)
    return status, answer


def test_predict_row_form_gives_a_list_of_objects(double):
    body = {"signature_name": "serve_pixels", "instances": [picture_of(3).tolist(), picture_of(101).tolist()]}
    status, answer = predict(double, body)
    rows = answer["predictions"]
    assert (status, [row["class_index"] for row in rows]) == (200, [3, 3])
    assert (rows[0]["class_name"], rows[0]["abstain"], rows[1]["abstain"]) == (["happy"], True, False)
    assert (rows[1]["confidence"], len(rows[0]["probabilities"])) == (0.5525, 7)


def test_predict_row_form_takes_named_inputs(double):
    body = {"signature_name": "serve_images", "instances": [{"image_bytes": file_of(9)}]}
    assert predict(double, body)[1]["predictions"][0]["class_index"] == 2


@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: {"image_bytes": value}])
def test_predict_column_form_gives_an_object_of_lists(double, wrap):
    status, answer = predict(double, {"signature_name": "serve_images", "inputs": wrap([file_of(9), file_of(4)])})
    assert (status, answer["outputs"]["class_index"]) == (200, [2, 4])
    assert answer["outputs"]["class_name"] == [["fear"], ["sad"]]


def test_predict_single_output_stands_without_its_name_and_bytes_are_base64():
    model = ServedFunction(
        lambda name, inputs: {"half_bytes": inputs["raw"]}, {"serving_default": {"raw": np.dtype("O")}}
    )
    with TensorFlowServingDouble(model, name="other") as double:
        body = {"instances": ["aé", {"b64": "AP8="}]}
        assert predict(double, body, "/v1/models/other:predict") == (
            200,
            {"predictions": [{"b64": "YcOp"}, {"b64": "AP8="}]},
        )
        assert predict(double, {"inputs": ["a"]}, "/v1/models/other:predict") == (200, {"outputs": [{"b64": "YQ=="}]})


def test_predict_not_a_number_is_written_as_such():
    with TensorFlowServingDouble(lambda name, inputs: {"confidence": np.float32([np.nan, np.inf])}) as double:
        _, answer = predict(double, {"signature_name": "serve_pixels", "inputs": [1]})
    assert np.isnan(answer["outputs"][0])
    assert answer["outputs"][1] == np.inf


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "JSON Parse error: The document is empty"),
        (b"{", "JSON Parse error"),
        ([1], "Is not object"),
        ({"signature_name": 3, "inputs": []}, "'signature_name' key must be a string value."),
        ({"signature_name": "nope", "inputs": []}, 'Serving signature name: "nope" not found in signature def'),
        ({}, "Missing 'inputs' or 'instances' key"),
        ({"inputs": [], "instances": []}, "expecting only one of 'inputs' or 'instances'"),
        ({"instances": 3}, "Expecting 'instances' to be an list/array"),
        ({"instances": []}, "No values in 'instances' array"),
        ({"instances": [{"other": 1}]}, "keys must be equal to: pixels"),
        ({"inputs": {"other": 1}}, "Missing named input: pixels in 'inputs' object."),
        ({"inputs": [[1, 2], [3]]}, "Encountered list at unexpected size"),
        ({"inputs": [0.5]}, "is not of expected type: uint8"),
        ({"inputs": [True]}, "is not of expected type: uint8"),
        ({"inputs": ["1"]}, "is not of expected type: uint8"),
        ({"inputs": [[1]]}, r"pixels must have shape [?,48,48,1], got [1, 1]"),
        ({"signature_name": "serve_images", "inputs": [5]}, "not formatted correctly for base64 data"),
        ({"signature_name": "serve_images", "inputs": [{"b64": "?"}]}, "Unable to base64 decode"),
        ({"signature_name": "serve_images", "inputs": [{"b64": "AAAA"}]}, "Invalid image data"),
    ],
)
def test_predict_body_that_cannot_be_used_is_refused_with_its_reason(double, body, said):
    status, answer = predict(double, {"signature_name": "serve_pixels"} | body if isinstance(body, dict) else body)
    assert status == 400
    assert list(answer) == ["error"]
    assert said in answer["error"]


def test_predict_number_beyond_a_byte_wraps_around(double):
    body = {"signature_name": "serve_pixels", "inputs": np.full((1, 48, 48, 1), 300).tolist()}
    assert predict(double, body)[1]["outputs"]["class_index"] == [44 % 7]


@pytest.mark.parametrize(
    ("path", "version"),
    [
        ("/v1/models/fer:predict", 7),
        ("/v1/models/fer/versions/1:predict", 1),
        ("/v1/models/fer/labels/canary:predict", 1),
    ],
)
def test_predict_version_and_label_choose_the_model(path, version):
    versions = {number: lambda _, __, number=number: build_outputs(np.array([number])) for number in (1, 7)}
    with TensorFlowServingDouble(versions, labels={"canary": 1}) as double:
        answer = predict(double, {"signature_name": "serve_pixels", "inputs": [0]}, path)
    assert answer[1]["outputs"]["class_index"] == [version % 7]


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("POST", "/v1/models/other:predict", 404, "Servable not found for request: Latest(other)"),
        ("POST", "/v1/models/fer/versions/2:predict", 404, "Servable not found for request: Specific(fer, 2)"),
        ("POST", "/v1/models/fer/labels/x:predict", 400, "Unrecognized servable version label: x"),
        ("POST", "/v1/models/fer", 400, "Malformed request: POST /v1/models/fer"),
        ("GET", "/v1/models/fer:predict", 400, "Malformed request: GET /v1/models/fer:predict"),
        ("GET", "/v1/models/other", 404, "Could not find any versions of model other"),
        ("GET", "/v1/models/fer/versions/2", 404, "Could not find version 2 of model fer"),
        ("GET", "/v1/models/fer/versions/2/metadata", 404, "Servable not found for request: Specific(fer, 2)"),
    ],
)
def test_request_for_what_is_not_served_is_refused(double, method, path, status, said):
    body = {"signature_name": "serve_pixels", "inputs": []} if method == "POST" else None
    found, _, answer = ask(double, method, path, body)
    assert (found, answer) == (status, {"error": said})


def test_status_lists_versions_and_their_states(double):
    double.states[7] = "LOADING"
    answer = ask(double, "GET", "/v1/models/fer")[2]
    assert [(each["version"], each["state"]) for each in answer["model_version_status"]] == [
        ("7", "LOADING"),
        ("1", "AVAILABLE"),
    ]
    one = ask(double, "GET", "/v1/models/fer/versions/1")[2]
    assert one["model_version_status"] == [
        {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    ]


def test_metadata_names_inputs_of_every_signature(double):
    answer = ask(double, "GET", "/v1/models/fer/labels/canary/metadata")[2]
    assert answer["model_spec"] == {"name": "fer", "signature_name": "", "version": "1"}
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    assert signatures["serve_pixels"]["inputs"]["pixels"]["dtype"] == "DT_UINT8"
    assert set(signatures) == {"serving_default", "serve_pixels", "serve_images"}


def test_preflight_with_origin_is_allowed_and_without_is_refused(double):
    path = "/v1/models/fer:predict"
    status, headers, _ = ask(double, "OPTIONS", path, headers={"Origin": "http://page.example"})
    assert (status, headers["Access-Control-Allow-Origin"]) == (200, "*")
    assert headers["Access-Control-Allow-Methods"] == "POST, GET"
    assert headers["Access-Control-Allow-Headers"] == "Content-Type"
    assert ask(double, "OPTIONS", path)[0] == 400


def test_cors_headers_stand_in_every_answer_or_in_none():
    with TensorFlowServingDouble(answer_by_first_value) as double:
        assert ask(double, "GET", "/v1/models/other")[1]["Access-Control-Allow-Origin"] == "*"
    with TensorFlowServingDouble(answer_by_first_value, is_cors_enabled=False) as double:
        assert ask(double, "GET", "/v1/models/fer")[1]["Access-Control-Allow-Origin"] is None


def test_fail_next_fails_as_often_as_told_and_every_request_is_noted(double):
    double.fail_next(2)
    double.fail_next(1, "RESOURCE_EXHAUSTED")
    assert [ask(double, "GET", "/v1/models/fer")[0] for _ in range(4)] == [503, 503, 429, 200]
    assert [request.method for request in double.requests] == ["status"] * 4
