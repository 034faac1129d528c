"""A SavedModel -> its light form, which LiteRT runs without TensorFlow."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from fer_tfx import contract

_ONE_PICTURE = tf.TensorSpec([1, *contract.IMAGE_SHAPE], tf.uint8, name=contract.PIXELS_KEY)


def convert_to_light(folder: Path, calibration_pixels: NDArray[np.uint8] | None = None) -> bytes:
    """The light form of a SavedModel: see `convert_function`."""
    model = tf.saved_model.load(str(folder))
    serve = model.signatures[contract.SERVE_PIXELS]
    return convert_function(lambda pixels: serve(pixels=pixels), model, calibration_pixels)


def convert_function(
    serve_pixels: Callable[[tf.Tensor], dict[str, tf.Tensor]],
    model: tf.Module,
    calibration_pixels: NDArray[np.uint8] | None = None,
) -> bytes:
    """The content of `model.tflite`: uint8 (1, 48, 48, 1) -> probabilities, float32 (1, classes), and what the last
    layer sees, float32 (views, d); of the signature `serve_pixels`, whose variables `model` holds.

    Weights are float16. With training pictures, uint8 (n, 48, 48, 1), the network up to its global pooling is int8, its
    ranges those of these pictures (Jacob et al. 2018, arXiv:1712.05877).
    """

    @tf.function(input_signature=[_ONE_PICTURE], autograph=False)  # type: ignore[untyped-decorator]
    def answer(pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        return {contract.PROBABILITIES_KEY: serve_pixels(pixels)[contract.PROBABILITIES_KEY]}

    converter = tf.lite.TFLiteConverter.from_concrete_functions([answer.get_concrete_function()], model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if calibration_pixels is not None:
        return _tell_features(_quantise(converter, calibration_pixels))
    converter.target_spec.supported_types = [tf.float16]
    return _tell_features(converter.convert())


def _tell_features(content: bytes) -> bytes:
    """The same model with a second output: the input of its last layer, if that is a fully connected one."""
    model: Any = flatbuffer_utils.convert_bytearray_to_object(content)
    kinds = [each.builtinCode for each in model.operatorCodes]
    (graph,) = model.subgraphs
    layers = [each for each in graph.operators if kinds[each.opcodeIndex] == schema.BuiltinOperator.FULLY_CONNECTED]
    if layers:
        features = schema.TensorMapT()
        features.name, features.tensorIndex = "features", layers[-1].inputs[0]
        graph.outputs = [*graph.outputs, features.tensorIndex]
        model.signatureDefs[0].outputs.append(features)  # LiteRT.js wants all outputs named
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _quantise(converter: tf.lite.TFLiteConverter, pixels: NDArray[np.uint8]) -> bytes:
    converter.representative_dataset = lambda: ([picture[np.newaxis]] for picture in pixels)
    # TensorFlow's one way to leave operations out; that with several outputs, which parts views, has no name.
    debugger = tf.lite.experimental.QuantizationDebugger(converter=converter)
    names = _list_outside_features(debugger.calibrated_model)
    debugger.options = tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=names, denylisted_ops=["SPLIT"])
    content: bytes = debugger.get_nondebug_quantized_model()
    return content


def _list_outside_features(content: bytes) -> list[str]:
    """Names of what operations give before the first convolution of a network, or from its global pooling on.

    In int8, standardising would lose dark pictures, and softmax the small probabilities.
    """
    interpreter = Interpreter(model_content=content)
    names = {each["index"]: each["name"] for each in interpreter.get_tensor_details()}
    before, within, behind = range(3)
    stages: dict[int, int] = {}
    for operation in interpreter._get_ops_details():  # each after those whose results it takes
        stage = max((stages.get(index, before) for index in operation["inputs"]), default=before)
        if operation["op_name"] == "CONV_2D":
            stage = within
        elif operation["op_name"] == "MEAN" and stage == within:
            stage = behind
        stages |= dict.fromkeys(operation["outputs"], stage)
    return [names[index] for index, stage in stages.items() if stage != within]
