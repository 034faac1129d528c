"""The graph that Transform saved, as one callable: raw pictures in, normalised pictures out."""

from typing import Any

import tensorflow as tf

from schema.contract import IMAGE_KEY, PIXELS_KEY


class TransformGraph:
    """Applies the saved graph of `preprocessing_fn` to raw pictures.

    It hides two facts of TFT: its layer belongs to tf_keras, so it may only be called on tensors and never be
    part of a Keras 3 network; and `pixels` has rank 1 or 2 as the schema decides.

    Args:
        transform_output: a `tft.TFTransformOutput`.
    """

    def __init__(self, transform_output: Any) -> None:
        self.layer = transform_output.transform_features_layer()
        """Whoever saves a graph that calls this object must track the layer: it owns the constants."""
        self._pixels_shape = list(transform_output.raw_feature_spec()[PIXELS_KEY].shape)

    # AutoGraph would rewrite TFT's sources anew for each dataset that maps this: 5 s of CPU time for nothing.
    @tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator]
    def __call__(self, pixels: tf.Tensor) -> tf.Tensor:
        """Raw pictures, string (batch,), -> images, float32 (batch, 48, 48, 1)."""
        shaped = tf.reshape(pixels, [-1, *self._pixels_shape])
        return self.layer({PIXELS_KEY: shaped})[IMAGE_KEY]
