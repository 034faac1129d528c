"""An answer that can't be right is an error, whoever gave it."""

import numpy as np
import pytest
from serving_double.fer_function import build_outputs
from transport_double import TransportDouble

from fer_tfx.client.checks import read_predictions
from fer_tfx.client.client import Client
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.errors import BadAnswerError


def as_json(outputs):
    """As they come from REST: lists and text."""
    names = [[name.decode()] for (name,) in outputs["class_name"]]
    return {key: value.tolist() for key, value in outputs.items()} | {"class_name": names}


@pytest.fixture(params=["arrays", "lists"])
def outputs(request):
    """Right answers for two pictures, as gRPC and as REST bring them."""
    right = build_outputs(np.array([3, 100]))
    return right if request.param == "arrays" else as_json(right)


def read(outputs):
    return read_predictions(outputs, [4, 7], "grpc://h:1, model fer, signature s")


def change(outputs, name, row, value):
    changed = np.array(outputs[name])
    changed[row] = value
    return {**outputs, name: changed if isinstance(outputs[name], np.ndarray) else changed.tolist()}


def test_read_predictions_right_answers_are_taken(outputs):
    first, second = read(outputs)
    assert (first.class_index, first.abstain, second.label) == (3, True, "fear")
    assert (type(first.confidence), type(first.abstain), first.views) == (float, bool, None)
    assert {type(each) for each in first.probabilities.values()} == {float}


def test_read_predictions_whole_numbers_as_probabilities_are_taken():
    outputs = {
        "probabilities": [[0, 1, 0]],
        "class_names": [["a", "disgust", "b"]],
        "class_index": [1],
        "class_name": [["disgust"]],
    }
    (found,) = read_predictions(outputs | {"confidence": [1], "abstain": [False]}, [0], "")
    assert ([*found.probabilities.values()], found.confidence) == ([0.0, 1.0, 0.0], 1.0)


@pytest.mark.parametrize(
    ("name", "row", "value", "said"),
    [
        ("probabilities", 0, [np.nan] * 7, r"picture 4: probabilities: expected numbers from 0 to 1, got \[nan"),
        ("probabilities", 1, [np.inf, 0, 0, 0, 0, 0, 0], "picture 7: probabilities: expected numbers from 0 to 1"),
        ("probabilities", 1, [-0.5, 0.3, 0.6, 0.6, 0, 0, 0], "picture 7: probabilities: expected numbers from 0 to 1"),
        ("probabilities", 1, [0.1] * 7, r"picture 7: probabilities: expected the sum 1, got 0\.7000"),
        ("class_index", 0, 5, "picture 4: class_index: expected 3, where the largest probability stands, got 5"),
        ("class_index", 1, -5, "picture 7: class_index: expected 2"),
        ("class_index", 1, 7, "picture 7: class_index: expected 2"),
        ("class_name", 0, "joy", "picture 4: class_name: expected happy, the class 3, got joy; its order differs"),
        ("class_name", 1, "sad", "picture 7: class_name: expected fear, the class 2, got sad"),
        ("confidence", 1, 0.9, r"picture 7: confidence: expected the largest probability, 0\.5500, got 0\.9000"),
        ("confidence", 1, np.nan, "picture 7: confidence: expected the largest probability"),
    ],
)
def test_read_predictions_one_picture_that_cannot_be_right_is_named(outputs, name, row, value, said):
    with pytest.raises(BadAnswerError, match=f"^grpc://h:1, model fer, signature s, {said}.*; serve a model that"):
        read(change(outputs, name, row, value))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("probabilities", [[1.0, 0.0]] * 2, r"class_names: expected the shape \(2, 2\), got .* \(2, 7\)"),
        ("probabilities", [1.0, 0.0], r"probabilities: expected the shape \(2, classes\), got float64 \(2,\)"),
        ("probabilities", [["0.5"] * 7] * 2, r"probabilities: expected the shape \(2, classes\), got <U3"),
        ("class_names", [["a", "b", "c", "d", "e", "f", "a"]] * 2, "class_names: expected names that differ"),
        ("class_names", [[1] * 7] * 2, r"class_names: expected the shape \(2, 7\), got int64"),
        ("probabilities", [[0.5], [0.5, 0.5]], "probabilities is no array"),
        ("probabilities", None, "probabilities: expected the shape"),
        ("class_index", [3.0, 2.0], r"class_index: expected the shape \(2,\), got float64"),
        ("class_index", [3], r"class_index: expected the shape \(2,\), got int64 \(1,\)"),
        ("class_index", [10**400, 2], "class_index: expected the shape"),
        ("class_name", ["happy", "fear"], r"class_name: expected the shape \(2, 1\)"),
        ("abstain", [0, 1], r"abstain: expected the shape \(2,\), got int64"),
        ("confidence", [[0.3], [0.5]], r"confidence: expected the shape \(2,\), got float64 \(2, 1\)"),
    ],
)
def test_read_predictions_output_of_another_shape_or_type_is_refused(outputs, name, value, said):
    with pytest.raises(BadAnswerError, match=said):
        read({**outputs, name: value})


@pytest.mark.parametrize("name", ["abstain", "class_names"])
def test_read_predictions_model_that_lacks_a_later_output_is_called_older(outputs, name):
    outputs.pop(name)
    with pytest.raises(BadAnswerError, match=f"the model doesn't tell `{name}`, so it is older; serve a model"):
        read(outputs)


def test_read_predictions_other_model_is_told_by_its_outputs():
    with pytest.raises(
        BadAnswerError, match=r"the answer lacks probabilities, class_names, class_index.* it has logits; serve"
    ):
        read({"logits": [1]})


@pytest.mark.parametrize("count", [0, 1, 3])
def test_read_predictions_other_number_of_answers_is_refused(count):
    with pytest.raises(
        BadAnswerError, match=rf"probabilities: expected the shape \(2, classes\), got float32 \({count}, 7\)"
    ):
        read(build_outputs(np.zeros(count, int)))


def test_client_model_of_another_class_order_is_never_answered_with(draw):
    alphabetical = np.array([[sorted(DEFAULT_CLASS_NAMES)[4]]])
    transport = TransportDouble({**build_outputs(np.array([4])), "class_name": alphabetical})
    said = r"signature serve_pixels, picture 0: class_name: expected sad, the class 4, got neutral"
    with pytest.raises(BadAnswerError, match=said):
        Client("http://nowhere.example", transport=transport).predict_pixels(draw(4))


def test_client_bad_answer_names_the_position_among_mixed_pictures(draw, write_file):
    transport = TransportDouble()

    def spoil_files(signature, batch):
        transport.outputs = build_outputs(np.array([1])) | {"confidence": np.array([0.0])}
        transport.outputs = transport.outputs if signature == "serve_images" else None

    transport.on_predict = spoil_files
    with pytest.raises(BadAnswerError, match="signature serve_images, picture 1: confidence"):
        Client("http://nowhere.example", transport=transport).predict([draw(1)[0], write_file(1), draw(2)[0]])
