"""Weights of a network as a file: data that nothing unpickles."""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Weights = tuple[NDArray[np.float32], ...]
"""In the order of a network's `weights`, the statistics of batch normalisation among them."""


def pack_weights(weights: Sequence[NDArray[np.float32]]) -> bytes:
    """The content of a file for them."""
    buffer = io.BytesIO()
    np.savez(buffer, *weights)
    return buffer.getvalue()


def unpack_weights(content: bytes) -> Weights:
    """Those that `pack_weights` was given."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return tuple(archive[f"arr_{index}"] for index in range(len(archive.files)))
