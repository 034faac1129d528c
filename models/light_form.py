"""A SavedModel -> its light form: one file that LiteRT runs without TensorFlow."""

from pathlib import Path
from typing import Any

import tensorflow as tf

from fer_tfx.contract import IMAGE_SHAPE, PIXELS_KEY, PROBABILITIES_KEY, SERVE_PIXELS


def convert_to_light(folder: Path) -> bytes:
    """The content of `model.tflite`: uint8 (1, 48, 48, 1) -> probabilities, float32 (1, 7).

    Preprocessing, network and calibration are those of the signature `serve_pixels`. Weights are stored as float16
    and computed with as float32, which loses nothing of a SavedModel with half-precision weights.

    Args:
        folder: of a SavedModel.
    """
    model = tf.saved_model.load(str(folder))
    fixed = _OnePicture(model.signatures[SERVE_PIXELS])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([fixed.answer.get_concrete_function()], fixed)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    content: bytes = converter.convert()
    return content


class _OnePicture(tf.Module):  # type: ignore[misc]
    """The signature for one picture, its weights in variables of known values.

    The converter finds no values behind `models.half_weights`, whose resources a loader fills by the graph.
    """

    def __init__(self, signature: Any) -> None:
        super().__init__()
        self._graph_def = signature.graph.as_graph_def()
        self._inner = [tensor.name for tensor in signature.graph.internal_captures]
        self._captured = [_to_variable(each) for each in signature.captured_inputs]
        (self._fed,) = (tensor.name for tensor in signature.graph.inputs if tensor.name not in self._inner)
        outputs = sorted(signature.structured_outputs)  # the order in which TensorFlow flattens them
        self._wanted = signature.outputs[outputs.index(PROBABILITIES_KEY)].name

    @tf.function(input_signature=[tf.TensorSpec([1, *IMAGE_SHAPE], tf.uint8, name=PIXELS_KEY)], autograph=False)  # type: ignore[untyped-decorator]
    def answer(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        values = dict(zip(self._inner, map(_enter, self._captured), strict=True))
        (probabilities,) = tf.graph_util.import_graph_def(
            self._graph_def, input_map={self._fed: pixels, **values}, return_elements=[self._wanted], name=""
        )
        return {PROBABILITIES_KEY: probabilities}


def _to_variable(captured: tf.Tensor) -> tf.Tensor | tf.Variable:
    if captured.dtype != tf.resource:
        return captured
    (inside,) = captured._handle_data.shape_and_type
    return tf.Variable(tf.raw_ops.ReadVariableOp(resource=captured, dtype=tf.dtypes.as_dtype(inside.dtype)))


def _enter(value: tf.Tensor | tf.Variable) -> tf.Tensor:
    """The value within the graph that is being built."""
    if not isinstance(value, tf.Variable):
        return tf.identity(value)
    value.read_value()  # makes the graph know the variable, which the handle alone does not
    return tf.compat.v1.get_default_graph().capture(value.handle)
