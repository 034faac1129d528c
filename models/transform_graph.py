"""The graph that Transform saved, as two callables: raw pictures or pixels in, normalised pictures out."""

from typing import Any

import tensorflow as tf

from fer_tfx.contract import IMAGE_KEY, PIXELS_KEY


class TransformGraph:
    """Applies the saved graph of `preprocessing_fn`, of a `tft.TFTransformOutput`.

    TFT's layer belongs to tf_keras: call it on tensors only, never as part of a Keras 3 network.
    """

    def __init__(self, transform_output: Any) -> None:
        self.layer = transform_output.transform_features_layer()
        """Owns the constants: whoever saves a graph that calls this object must track it."""
        self._pixels_shape = list(transform_output.raw_feature_spec()[PIXELS_KEY].shape)  # the schema decides the rank
        self._saved = tf.saved_model.load(transform_output.transform_savedmodel_dir)

    # AutoGraph would rewrite TFT's sources anew for each dataset that maps this: 5 s of CPU time for nothing.
    @tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator]
    def __call__(self, raw: tf.Tensor) -> tf.Tensor:
        """Raw pictures, string (batch,), -> images, float32 (batch, 48, 48, 1)."""
        shaped = tf.reshape(raw, [-1, *self._pixels_shape])
        return self.layer({PIXELS_KEY: shaped})[IMAGE_KEY]

    def apply_to_pixels(self, pixels: tf.Tensor) -> tf.Tensor:
        """Pixels, uint8 (batch, 48, 48, 1), -> images, float32 (batch, 48, 48, 1); within a tf.function only.

        It copies the same graph from where the bytes are decoded: encoding and decoding them takes 0.3 ms a picture.
        """
        function = self._saved.transform_fn
        graph = function.graph.as_graph_def()
        inner = [tensor.name for tensor in function.graph.internal_captures]
        constants = [tf.constant(captured.numpy()) for captured in function.captured_inputs]
        (output,) = function.outputs
        (decoded,) = (node.name for node in graph.node if node.op == "DecodeRaw")
        (decoded_pixels,) = (node.name for node in graph.node if node.op == "Reshape" and decoded in node.input)
        (images,) = tf.graph_util.import_graph_def(
            graph,
            input_map={f"{decoded_pixels}:0": pixels, **dict(zip(inner, constants, strict=True))},
            return_elements=[output.name],
            name="transform",
        )
        return images
