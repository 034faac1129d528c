"""Writes the SavedModel."""

import keras
import tensorflow as tf

from models.signatures import build_signatures
from models.transform_graph import TransformGraph
from schema.contract import CLASS_NAMES

CLASS_NAMES_FILE = "class_names.txt"


def export_model(network: keras.Model, transform: TransformGraph, path: str) -> None:
    """Write network, Transform graph and all signatures to `path`, a folder or bucket URI.

    `ExportArchive` writes each variable once. `tf.saved_model.save(network)` would write a Keras 3 variable
    twice, and TensorFlow Serving and BulkInferrer would read the copy that is never restored (keras#19274).
    `assets.extra/class_names.txt`, one class per line in index order, is for readers; the graph has its own.

    Args:
        network: images -> logits, built outside any distribution strategy.
        transform: raw pictures -> images.
        path: must not hold a model yet.
    """
    archive = keras.export.ExportArchive()
    archive.track(network)
    archive.track(transform.layer)
    for name, (function, spec) in build_signatures(network, transform).items():
        archive.add_endpoint(name, function, input_signature=[spec])
    archive.write_out(path, verbose=False)
    _write_class_names(tf.io.gfile.join(path, "assets.extra"))


def _write_class_names(folder: str) -> None:
    tf.io.gfile.makedirs(folder)
    with tf.io.gfile.GFile(tf.io.gfile.join(folder, CLASS_NAMES_FILE), "w") as file:
        file.write("\n".join(CLASS_NAMES) + "\n")
