"""A pushed SavedModel in Triton's Python backend: the input that a request has chooses the signature."""

from pathlib import Path

import numpy as np
import tensorflow as tf
import triton_python_backend_utils as pb_utils

SIGNATURES = {"pixels": "serve_pixels", "image_bytes": "serve_images"}


class TritonPythonModel:
    """One version; Triton calls its methods."""

    def initialize(self, args):
        folder = Path(args["model_repository"], args["model_version"])
        self._signatures = tf.saved_model.load(str(folder)).signatures

    def execute(self, requests):
        """Responses in order; requests that came together are answered by one call of the graph."""
        inputs = [_read_input(request) for request in requests]
        responses = {}
        for name in SIGNATURES:
            found = [at for at, each in enumerate(inputs) if each and each[0] == name]
            if found:
                responses |= zip(found, self._answer(name, [inputs[at][1] for at in found]), strict=True)
        refusal = f"expected one input, {' or '.join(SIGNATURES)}"
        return [responses.get(at) or _refuse(refusal) for at in range(len(requests))]

    def _answer(self, name, batches):
        tensor = tf.constant(np.concatenate(batches))
        try:
            outputs = self._signatures[SIGNATURES[name]](**{name: tensor})
        except tf.errors.InvalidArgumentError as error:
            if len(batches) == 1:
                return [_refuse(error.message)]
            return [self._answer(name, [batch])[0] for batch in batches]  # one broken picture is one caller's
        ends = np.cumsum([len(batch) for batch in batches])[:-1]
        parts = {key: np.split(_to_matrix(value.numpy()), ends) for key, value in outputs.items()}
        return [
            pb_utils.InferenceResponse([pb_utils.Tensor(key, part[at]) for key, part in parts.items()])
            for at in range(len(batches))
        ]


def _read_input(request):
    """Name and batch of the only input; None if there is none, or both."""
    found = [(name, pb_utils.get_input_tensor_by_name(request, name)) for name in SIGNATURES]
    given = [(name, tensor.as_numpy()) for name, tensor in found if tensor is not None]
    if len(given) != 1:
        return None
    ((name, batch),) = given
    return name, batch if name == "pixels" else batch[:, 0]


def _to_matrix(column):
    """Triton's batches have no outputs of rank 1."""
    return column.reshape(len(column), -1)


def _refuse(reason):
    return pb_utils.InferenceResponse([], pb_utils.TritonError(reason, pb_utils.TritonError.INVALID_ARG))
