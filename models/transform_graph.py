"""The graph that Transform saved, as two callables: raw pictures or pixels in, normalised pictures out."""

from typing import Any

import tensorflow as tf


class TransformGraph:
    """Applies the graph of `preprocessing_fn` in a `tft.TFTransformOutput`; each call copies it and its constants."""

    def __init__(self, transform_output: Any) -> None:
        function = tf.saved_model.load(transform_output.transform_savedmodel_dir).transform_fn
        captures = zip(function.graph.internal_captures, function.captured_inputs, strict=True)
        self._constants = {inner.name: captured.numpy() for inner, captured in captures}
        self._graph = function.graph.as_graph_def()
        (self._images,) = (output.name for output in function.outputs)
        (decode,) = (node for node in self._graph.node if node.op == "DecodeRaw")
        (reshape,) = (node for node in self._graph.node if node.op == "Reshape" and decode.name in node.input)
        self._raw, self._pixels = f"{decode.input[0]}:0", f"{reshape.name}:0"

    def __call__(self, raw: tf.Tensor) -> tf.Tensor:
        """Raw pictures, string (batch,), -> images, float32 (batch, 48, 48, 1)."""
        if tf.executing_eagerly():
            return tf.function(self.__call__, autograph=False)(raw)
        return self._copy_from(self._raw, raw)

    def apply_to_pixels(self, pixels: tf.Tensor) -> tf.Tensor:
        """Pixels, uint8 (batch, 48, 48, 1), -> images, float32 (batch, 48, 48, 1); within a tf.function only."""
        return self._copy_from(self._pixels, pixels)

    def _copy_from(self, tensor: str, value: tf.Tensor) -> tf.Tensor:
        constants = {name: tf.constant(constant) for name, constant in self._constants.items()}
        (images,) = tf.graph_util.import_graph_def(
            self._graph, input_map={tensor: value, **constants}, return_elements=[self._images], name="transform"
        )
        return images
