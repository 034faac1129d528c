"""The light form answers as the SavedModel that it was made of."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from model_doubles import TINY_MODEL, draw_pixels

from configs.spec import ExportConfig
from fer_tfx.contract import SERVE_PIXELS
from models.calibration import Calibration, Calibrations
from models.export import ServingNetwork, convert_to_light, export_model
from models.networks import build_network
from models.networks.layers import fold_batch_norm
from models.transform_graph import TransformGraph


def ask_light(content: bytes, pixels: np.ndarray) -> np.ndarray:
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    (fed,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    answers = []
    for picture in pixels:
        interpreter.set_tensor(fed["index"], picture[np.newaxis])
        interpreter.invoke()
        answers.append(interpreter.get_tensor(given["index"])[0])
    return np.stack(answers)


@pytest.mark.parametrize("config", [ExportConfig(), ExportConfig(half_precision=False), ExportConfig(views=4)])
def test_convert_to_light_probabilities_are_those_of_the_saved_model(transform: TransformGraph, tmp_path: Path, config):
    keras.utils.set_random_seed(4)
    network = ServingNetwork(fold_batch_norm(build_network(TINY_MODEL)), config)
    calibrations = Calibrations(config.views, {config.views: Calibration(0.5, 0.6, 0.8, 0.5, 100)})
    export_model(network, transform, calibrations, "{}", str(tmp_path / "model"))
    pixels = draw_pixels(20)
    served = tf.saved_model.load(str(tmp_path / "model")).signatures[SERVE_PIXELS](pixels=tf.constant(pixels))
    expected = served["probabilities"].numpy()
    assert np.ptp(expected, axis=0).max() > 0.005  # the pictures are told apart
    np.testing.assert_allclose(ask_light(convert_to_light(tmp_path / "model"), pixels), expected, atol=1e-3)
