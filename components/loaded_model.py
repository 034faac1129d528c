"""An exported model as TensorFlow Serving opens it: by the TF1 loader.

The TF2 loader hides variables that a server can't find, and builds each of the model's functions in Python.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

Ask = Callable[[npt.NDArray[np.uint8]], list[npt.NDArray[Any]]]
"""Pictures, uint8 (n, 48, 48, 1), -> the requested outputs in order, n long each."""


@contextmanager
def open_signature(model_dir: str, signature: str, outputs: list[str] | None = None) -> Iterator[Ask]:
    """A signature with one input, until the context ends.

    Args:
        model_dir: folder of the SavedModel.
        signature: its name.
        outputs: their keys; None: all, in the order of their keys.

    Raises:
        OSError: no SavedModel is there.
        KeyError: it has no such signature or output.
    """
    # Closed, but not entered: that would make its graph the caller's default.
    with closing(tf.compat.v1.Session(graph=tf.Graph())) as session:
        signatures = tf.compat.v1.saved_model.loader.load(session, ["serve"], model_dir).signature_def
        (feed,) = signatures[signature].inputs.values()
        tensors = signatures[signature].outputs
        names = [tensors[key].name for key in (sorted(tensors) if outputs is None else outputs)]
        ask: Ask = session.make_callable(names, feed_list=[feed.name])
        yield ask
