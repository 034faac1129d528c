"""Writes the SavedModel."""

import keras
import tensorflow as tf

from configs.spec import ExportConfig
from fer_tfx.contract import (
    CALIBRATION_FILE,
    CLASS_NAMES,
    CLASS_NAMES_FILE,
    EXTRA_ASSETS_DIR,
    TRAINING_RECORD_FILE,
    WARM_UP_FILE,
)
from models.calibration import Calibration
from models.half_weights import HalfWeight, is_half_enough
from models.signatures import build_signatures
from models.transform_graph import TransformGraph
from models.warm_up import write_warm_up


class ServingNetwork(tf.Module):  # type: ignore[misc]
    """A network as it is served: weights stored in few bytes, and the mirror image looked at if so configured.

    Args:
        network: images -> logits, see `fold_network`.
        config: how weights are stored and whether the mirror image counts.
    """

    def __init__(self, network: keras.Model, config: ExportConfig) -> None:
        super().__init__()
        variables = [*network.trainable_variables, *network.non_trainable_variables]
        values = [variable.numpy() for variable in variables]
        self.weights = [
            HalfWeight(each) if config.half_precision and is_half_enough(each) else tf.Variable(each) for each in values
        ]
        self._trainable_count = len(network.trainable_variables)
        self._apply = network.stateless_call
        self._averages_flip = config.average_flip

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """Images, float32 (batch, 48, 48, 1), -> logits, float32 (batch, 7)."""
        if not self._averages_flip:
            return self._compute_logits(images)
        both = self._compute_logits(tf.concat([images, images[:, :, ::-1]], axis=0))
        return tf.add_n(tf.split(both, 2)) / 2.0

    def _compute_logits(self, images: tf.Tensor) -> tf.Tensor:
        weights = [weight.read() if isinstance(weight, HalfWeight) else weight for weight in self.weights]
        trainable, others = weights[: self._trainable_count], weights[self._trainable_count :]
        logits, _ = self._apply(trainable, others, images, training=False)
        return logits


def export_model(
    network: ServingNetwork, transform: TransformGraph, calibration: Calibration, training_record: str, path: str
) -> None:
    """Write network, Transform graph and all signatures to `path`, a folder or bucket URI.

    `ExportArchive` writes each variable once. `tf.saved_model.save(network)` would write a Keras 3 variable
    twice, and TensorFlow Serving and BulkInferrer would read the copy that is never restored (keras#19274).
    What lies in `assets.extra` is for readers: class names, one per line in index order, calibration, and how the
    network was trained; the graph has its own. The requests there TensorFlow Serving replays before it serves.

    Args:
        network: images -> logits.
        transform: raw pictures -> images.
        calibration: its temperature goes into the graph.
        training_record: JSON.
        path: must not hold a model yet.
    """
    archive = keras.export.ExportArchive()
    archive.track(network)
    archive.track(transform.layer)
    signatures = build_signatures(network, transform, calibration)
    for name, (function, spec) in signatures.items():
        archive.add_endpoint(name, function, input_signature=[spec])
    archive.write_out(path, verbose=False)
    extra = tf.io.gfile.join(path, EXTRA_ASSETS_DIR)
    tf.io.gfile.makedirs(extra)
    _write(tf.io.gfile.join(extra, CLASS_NAMES_FILE), "\n".join(CLASS_NAMES) + "\n")
    _write(tf.io.gfile.join(extra, CALIBRATION_FILE), calibration.to_json())
    _write(tf.io.gfile.join(extra, TRAINING_RECORD_FILE), training_record)
    write_warm_up(tf.io.gfile.join(extra, WARM_UP_FILE))


def _write(path: str, text: str) -> None:
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(text)
