"""The digest of a model that may lie in a bucket. What counts, and why, says `fer_tfx.versions.model_digest`."""

import os

from tfx.dsl.io import fileio
from tfx.utils import io_utils, path_utils

from fer_tfx.versions.model_digest import compute_digest, counts_for_digest


def compute_model_digest(model_uri: str) -> str:
    """Digest of a Model artifact's SavedModel: the same after a second training that ends with the same weights."""
    root = path_utils.serving_model_path(model_uri)
    names = [name for name in list_files(root) if counts_for_digest(name)]
    return compute_digest((name, bytes(io_utils.read_bytes_file(os.path.join(root, name)))) for name in names)


def list_files(folder: str) -> list[str]:
    """Names, with `/`, of all files below a folder, path or URI."""
    return sorted(
        os.path.relpath(os.path.join(root, name), folder) for root, _, names in fileio.walk(folder) for name in names
    )
