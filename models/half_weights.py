"""Weights that take two bytes on disk and none of the time of an answer."""

import hashlib
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

# float16 rounds to 2 ** -11 of a value.
_LARGEST_ERROR = 2.0**-10


def is_half_enough(values: NDArray[np.float32]) -> bool:
    """Whether float16 keeps them to a thousandth of the largest: it has nothing above 65,504 and little below 6e-5."""
    with np.errstate(over="ignore"):
        halves = values.astype(np.float16).astype(np.float32)
    largest = np.abs(values).max(initial=0.0)
    return bool((np.abs(halves - values) <= _LARGEST_ERROR * largest).all())


def _leave_out(variable: tf.Variable) -> None:
    """Keep the values of a variable, and of its copy in the graph of a SavedModel, out of the checkpoint.

    TensorFlow has no public way: these are the methods by which it asks each object what to write, and to copy itself.
    """
    copy = variable._export_to_saved_model_graph

    def copy_and_leave_out(object_map: dict[Any, Any], **keywords: Any) -> Any:
        copied = copy(object_map=object_map, **keywords)
        object_map[variable]._serialize_to_tensors = dict
        return copied

    variable._serialize_to_tensors = dict
    variable._export_to_saved_model_graph = copy_and_leave_out


class HalfWeight(tf.saved_model.experimental.TrackableResource):  # type: ignore[misc]
    """A tensor that a SavedModel stores as float16 and, when it is loaded, makes float32 of once.

    A cast within the graph would be computed anew for each request: a fifth of the time of one picture. So the float32
    values live in a variable that the checkpoint leaves out, and that is freed with the model. Loaders fill it by the
    model's initialisation, as they fill lookup tables; what they would create for a table is a scalar here.

    Args:
        values: float32, any shape, for which `is_half_enough` holds.
    """

    def __init__(self, values: NDArray[np.float32]) -> None:
        super().__init__()
        halves = values.astype(np.float16)
        self._stored = self._track_trackable(tf.Variable(halves, trainable=False), "stored")
        self._values = self._track_trackable(tf.Variable(halves.astype(np.float32), trainable=False), "values")
        _leave_out(self._values)
        self._name = f"half_weight_{hashlib.sha256(halves.tobytes() + repr(halves.shape).encode()).hexdigest()}"

    def _create_resource(self) -> tf.Tensor:
        return tf.raw_ops.VarHandleOp(dtype=tf.bool, shape=[], shared_name=self._name)

    def _initialize(self) -> None:
        self._values.assign(tf.cast(self._stored, tf.float32))

    def read(self) -> tf.Tensor:
        """The values as float32."""
        # `read_value` would have the graph keep the variable in a set, and its order, another in each process, would be
        # that of the exported objects: two exports of the same weights would be two models.
        return tf.raw_ops.ReadVariableOp(resource=self._values.handle, dtype=tf.float32)
