"""Weights that take two bytes on disk and none of the time of an answer."""

import hashlib

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray


class HalfWeight(tf.saved_model.experimental.TrackableResource):  # type: ignore[misc]
    """A tensor that a SavedModel stores as float16 and, when it is loaded, makes float32 of once.

    A cast within the graph would be computed anew for each request: a fifth of the time of one picture. So the float32
    values live in a variable that is no part of the checkpoint; loaders fill it by the model's initialisation, as they
    fill lookup tables. Its name in the process is a digest of the values: several models may be loaded side by side.

    Args:
        values: float32, any shape.
    """

    def __init__(self, values: NDArray[np.float32]) -> None:
        super().__init__()
        self._stored = self._track_trackable(tf.Variable(values.astype(np.float16), trainable=False), "stored")
        self._shape = values.shape
        digest = hashlib.sha256(values.astype(np.float16).tobytes() + repr(self._shape).encode())
        self._name = f"half_weight_{digest.hexdigest()}"
        self._initialize()

    def _create_resource(self) -> tf.Tensor:
        return tf.raw_ops.VarHandleOp(dtype=tf.float32, shape=self._shape, shared_name=self._name)

    def _initialize(self) -> None:
        tf.raw_ops.AssignVariableOp(resource=self.resource_handle, value=tf.cast(self._stored, tf.float32))

    def read(self) -> tf.Tensor:
        """The values as float32."""
        values = tf.raw_ops.ReadVariableOp(resource=self.resource_handle, dtype=tf.float32)
        return tf.ensure_shape(values, self._shape)
