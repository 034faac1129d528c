"""An exported model as TensorFlow Serving opens it: by the TF1 loader.

The TF2 loader hides variables that a server can't find, and builds each of the model's functions in Python.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import numpy.typing as npt
import tensorflow as tf

Signature = Callable[[Any], dict[str, npt.NDArray[Any]]]
"""The value of a signature's one input, such as pictures, uint8 (n, 48, 48, 1) -> its outputs by key, n long each."""


@contextmanager
def open_model(model_dir: str) -> Iterator[Callable[[str], Signature]]:
    """What looks up a signature by its name, until the context ends.

    Raises:
        OSError: no SavedModel is there.
        ValueError: on look-up: it has no such signature.
    """
    # Closed, but not entered: that would make its graph the caller's default.
    with closing(tf.compat.v1.Session(graph=tf.Graph())) as session:
        signatures = tf.compat.v1.saved_model.loader.load(session, ["serve"], model_dir).signature_def

        def find_signature(name: str) -> Signature:
            if name not in signatures:
                raise ValueError(f"has no signature {name}, only {sorted(signatures)}")
            (feed,) = signatures[name].inputs.values()
            outputs = {key: tensor.name for key, tensor in signatures[name].outputs.items()}
            return lambda value: session.run(outputs, {feed.name: value})

        yield find_signature
