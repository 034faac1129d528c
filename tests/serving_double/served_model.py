"""What answers behind the double: a plain function, or a real SavedModel."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from fer_tfx.contract import SERVE_EXAMPLES, SERVE_IMAGES, SERVE_PIXELS
from serving_double.faults import ServingFault

Arrays = Mapping[str, np.ndarray]
SignatureInputs = Mapping[str, Mapping[str, np.dtype]]

STRING = np.dtype(object)  # bytes
FER_SIGNATURES: SignatureInputs = {
    SERVE_EXAMPLES: {"examples": STRING},
    SERVE_PIXELS: {"pixels": np.dtype(np.uint8)},
    SERVE_IMAGES: {"image_bytes": STRING},
}


class ServedModel(Protocol):
    """One version of a model."""

    signatures: SignatureInputs
    """Name of a signature -> name of an input -> its dtype; strings are `object`."""

    def __call__(self, signature_name: str, inputs: Arrays) -> Arrays:
        """Outputs by name. Raises ServingFault, or whatever a graph raises on inputs that it can't take."""


class ServedFunction:
    """A function in place of a graph: (signature name, inputs by name) -> outputs by name."""

    def __init__(self, function: Callable[[str, Arrays], Arrays], signatures: SignatureInputs = FER_SIGNATURES) -> None:
        self._function = function
        self.signatures = signatures

    def __call__(self, signature_name: str, inputs: Arrays) -> Arrays:
        return self._function(signature_name, inputs)


class ServedSavedModel:
    """A real SavedModel, loaded when it is first asked; an error of its graph becomes INVALID_ARGUMENT."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loaded: Any = None

    @property
    def _functions(self) -> Mapping[str, Any]:
        import tensorflow as tf

        if self._loaded is None:
            self._loaded = tf.saved_model.load(str(self._folder))
        return self._loaded.signatures

    @property
    def signatures(self) -> SignatureInputs:
        return {
            name: {key: _to_dtype(spec.dtype) for key, spec in function.structured_input_signature[1].items()}
            for name, function in self._functions.items()
        }

    def __call__(self, signature_name: str, inputs: Arrays) -> Arrays:
        import tensorflow as tf

        function = self._functions[signature_name]
        specs = function.structured_input_signature[1]
        try:
            tensors = {key: tf.constant(value.tolist(), specs[key].dtype) for key, value in inputs.items()}
            return {key: tensor.numpy() for key, tensor in function(**tensors).items()}
        except (tf.errors.OpError, TypeError, ValueError) as error:
            raise ServingFault("INVALID_ARGUMENT", str(error)) from error


def _to_dtype(tensor_dtype: Any) -> np.dtype:
    return np.dtype(tensor_dtype.as_numpy_dtype)
