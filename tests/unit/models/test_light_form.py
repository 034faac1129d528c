"""The light form answers as the SavedModel that it was made of."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from model_doubles import TINY_MODEL, draw_pixels
from scipy.special import softmax

import fer_tfx
from configs.spec import ExportConfig, ModelConfig
from fer_tfx.client.checks import read_predictions
from fer_tfx.contract import DEFAULT_CLASS_NAMES, SERVE_PIXELS
from fer_tfx.light import LightModel
from fer_tfx.saved_model import SavedModel
from models.calibration import Calibration, Calibrations
from models.export import ServingNetwork, export_model
from models.light_form import convert_to_light
from models.networks import build_network
from models.networks.layers import fold_batch_norm
from models.transform_graph import TransformGraph
from schema.drawn_faces import draw_faces


def ask_light(content: bytes, pixels: np.ndarray) -> np.ndarray:
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    (fed,), (given, _) = interpreter.get_input_details(), interpreter.get_output_details()
    answers = []
    for picture in pixels:
        interpreter.set_tensor(fed["index"], picture[np.newaxis])
        interpreter.invoke()
        answers.append(interpreter.get_tensor(given["index"])[0])
    return np.stack(answers)


def export(
    transform: TransformGraph,
    folder: Path,
    model: ModelConfig,
    config: ExportConfig,
    temperature: float,
    class_names: Sequence[str] = DEFAULT_CLASS_NAMES,
) -> None:
    keras.utils.set_random_seed(4)
    network = ServingNetwork(fold_batch_norm(build_network(model, len(class_names))), config)
    calibrations = Calibrations(config.views, {config.views: Calibration(temperature, 0.6, 0.8, 0.5, 100)})
    export_model(network, transform, calibrations, class_names, "{}", str(folder))


def serve(folder: Path, pixels: np.ndarray) -> np.ndarray:
    model = tf.saved_model.load(str(folder))
    return model.signatures[SERVE_PIXELS](pixels=tf.constant(pixels))["probabilities"].numpy()


@pytest.mark.parametrize("config", [ExportConfig(), ExportConfig(half_precision=False), ExportConfig(views=4)])
def test_convert_to_light_probabilities_are_those_of_the_saved_model(transform: TransformGraph, tmp_path: Path, config):
    export(transform, tmp_path / "model", TINY_MODEL, config, 0.5)
    pixels = draw_pixels(20)
    expected = serve(tmp_path / "model", pixels)
    assert np.ptp(expected, axis=0).max() > 0.005  # the pictures are told apart
    for content in (convert_to_light(tmp_path / "model"), (tmp_path / "model/assets.extra/model.tflite").read_bytes()):
        np.testing.assert_allclose(ask_light(content, pixels), expected, atol=1e-3)


def test_export_model_of_other_classes_answers_with_their_names_in_every_form(transform, tmp_path):
    names, pixels = ("glad", "not glad", "d\u00e9go\u00fbt"), draw_pixels(3)
    export(transform, tmp_path / "1", TINY_MODEL, ExportConfig(), 0.5, names)
    whole = SavedModel(tmp_path / "1")
    served = tf.saved_model.load(str(tmp_path / "1")).signatures[SERVE_PIXELS](pixels=tf.constant(pixels))
    outputs = {name: values.numpy() for name, values in served.items()}
    expected = whole.predict_pixels(pixels)
    for answers in (expected, LightModel(tmp_path / "1/assets.extra").predict_pixels(pixels)):
        assert {tuple(each.probabilities) for each in answers} == {names}
    assert [each.probabilities for each in read_predictions(outputs, range(3), "here")] == [
        pytest.approx(each.probabilities) for each in expected
    ]
    assert fer_tfx.load(tmp_path).class_names == names


@pytest.mark.parametrize("views", [1, 4])
def test_export_model_light_form_needs_no_tensorflow_and_tells_what_the_last_layer_sees(transform, tmp_path, views):
    export(transform, tmp_path / "1", TINY_MODEL, ExportConfig(views=views), 0.5)
    pixels = draw_pixels(5)
    model = fer_tfx.load(tmp_path)
    shares = [[*each.probabilities.values()] for each in model.predict_faces(pixels)]
    np.testing.assert_allclose(shares, serve(tmp_path / "1", pixels), atol=1e-3)
    features = model.embed(pixels)
    keras.utils.set_random_seed(4)
    *_, head = fold_batch_norm(build_network(TINY_MODEL, 7)).layers
    logits = features @ head.get_weights()[0] + head.get_weights()[1]
    expected = softmax(logits / 0.5, axis=1)
    assert (features.dtype, features.shape) == (np.float32, (5, head.get_weights()[0].shape[0]))
    np.testing.assert_allclose(shares, expected, atol=1e-3)
    assert model.embed(pixels[:0]).shape == (0, features.shape[1])
    content = (tmp_path / "1/assets.extra/model.tflite").read_bytes()
    assert len(Interpreter(model_content=content).get_output_details()) == 2
    ask = Interpreter(model_content=content).get_signature_runner()  # LiteRT.js wants all outputs named
    np.testing.assert_allclose(ask(pixels=pixels[:1])["features"].sum(axis=0), features[0] * views, atol=1e-3)


def test_convert_to_light_int8_is_the_network_alone_so_dark_pictures_get_close_answers_too(transform, tmp_path):
    shape = ModelConfig(stem_filters=4, stage_filters=(6,), convolutions_per_stage=3, skips=True)
    export(transform, tmp_path / "model", shape, ExportConfig(views=4), 2.0)
    seen, faces = (draw_faces(20, seed).pixels[..., np.newaxis] for seed in (1, 2))
    content = convert_to_light(tmp_path / "model", seen)
    for pixels in (faces, faces // 25):  # at most 10 of 255 grey levels
        expected = serve(tmp_path / "model", pixels)
        difference = np.abs(ask_light(content, pixels) - expected)
        assert difference.max() < 0.15 * np.ptp(expected, axis=0).max()
    kinds = list_kinds(content)
    network = kinds[kinds.index("CONV_2D int8") : kinds.index("DEQUANTIZE float32")]
    assert {each.split()[1] for each in network} == {"int8"}
    assert [network.count(f"{name} int8") for name in ("CONV_2D", "ADD")] == [4, 2]
    assert {each for each in kinds if each.endswith(" int8")} == {*network, "QUANTIZE int8"}


def list_kinds(content: bytes) -> list[str]:
    """Name and type of each operation of a light form, in order."""
    interpreter = Interpreter(
        model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    types = {each["index"]: each["dtype"].__name__ for each in interpreter.get_tensor_details()}
    return [f"{each['op_name']} {types[each['outputs'][0]]}" for each in interpreter._get_ops_details()]
