"""A trained network -> SavedModel."""

import hashlib
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow_serving.apis import prediction_log_pb2

from configs.spec import ExportConfig
from fer_tfx import contract
from models.calibration import Calibrations
from models.light_form import convert_function
from models.signatures import build_signatures
from models.transform_graph import TransformGraph

_LARGEST_HALF_ERROR = 2.0**-10  # of the largest weight; float16 rounds to 2 ** -11 of a value
_WARM_UP_BATCH_SIZES = (1, 32)  # one picture, and a batch as the server gathers it
_LARGE_PICTURE_PX = 512


class ServingNetwork(tf.Module):  # type: ignore[misc]
    """A network as it is served: its weights in few bytes."""

    def __init__(self, network: keras.Model, config: ExportConfig) -> None:
        super().__init__()
        variables = [*network.trainable_variables, *network.non_trainable_variables]
        values = [variable.numpy() for variable in variables]
        self.weights = [
            HalfWeight(each) if config.half_precision and is_half_enough(each) else tf.Variable(each) for each in values
        ]
        self._trainable_count = len(network.trainable_variables)
        self._apply = network.stateless_call

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """Images, float32 (batch, 48, 48, 1) -> logits, float32 (batch, classes)."""
        weights = [weight.read() if isinstance(weight, HalfWeight) else weight for weight in self.weights]
        trainable, others = weights[: self._trainable_count], weights[self._trainable_count :]
        logits, _ = self._apply(trainable, others, images, training=False)
        return logits


def export_model(
    network: ServingNetwork,
    transform: TransformGraph,
    calibrations: Calibrations,
    class_names: Sequence[str],
    training_record: str,
    path: str,
) -> None:
    """Write network, Transform graph, all signatures and the light form to `path`, a folder or bucket URI without one.

    `tf.saved_model.save(network)` would write a Keras 3 variable twice, and TensorFlow Serving and BulkInferrer would
    read the copy that is never restored (keras#19274).
    """
    archive = keras.export.ExportArchive()
    archive.track(network)
    signatures = build_signatures(network, transform, calibrations, class_names)
    for name, (function, spec) in signatures.items():
        archive.add_endpoint(name, function, input_signature=[spec])
    archive.write_out(path, verbose=False)
    extra = tf.io.gfile.join(path, contract.EXTRA_ASSETS_DIR)
    texts = {
        contract.CLASS_NAMES_FILE: "".join(f"{name}\n" for name in class_names),
        contract.CALIBRATION_FILE: calibrations.to_json(),
        contract.TRAINING_RECORD_FILE: training_record,
    }
    serve_pixels, _ = signatures[contract.SERVE_PIXELS]
    light = {contract.LIGHT_MODEL_FILE: convert_function(serve_pixels, network)}
    for name, content in {**texts, **light}.items():
        tf.io.write_file(tf.io.gfile.join(extra, name), content)
    write_warm_up(tf.io.gfile.join(extra, contract.WARM_UP_FILE))


def is_half_enough(values: NDArray[np.float32]) -> bool:
    """Whether float16, which holds 6e-5 to 65,504, keeps values to a thousandth of the largest."""
    with np.errstate(over="ignore"):
        halves = values.astype(np.float16).astype(np.float32)
    largest = np.abs(values).max(initial=0.0)
    return bool((np.abs(halves - values) <= _LARGEST_HALF_ERROR * largest).all())


class HalfWeight(tf.saved_model.experimental.TrackableResource):  # type: ignore[misc]
    """A float32 tensor that a SavedModel stores as float16 and converts back once, when it is loaded.

    A cast within the graph would run for each request. So the float32 values live in a variable that the checkpoint
    leaves out, and loaders fill it like a lookup table, by the model's initialisation.
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
        # `read_value` adds the variable to a set, whose order would make exports of the same weights differ.
        return tf.raw_ops.ReadVariableOp(resource=self._values.handle, dtype=tf.float32)


def _leave_out(variable: tf.Variable) -> None:
    """Keep a variable and its copy in a SavedModel's graph out of the checkpoint; TensorFlow has no public way."""
    copy = variable._export_to_saved_model_graph

    def copy_and_leave_out(object_map: dict[Any, Any], **keywords: Any) -> Any:
        copied = copy(object_map=object_map, **keywords)
        object_map[variable]._serialize_to_tensors = dict
        return copied

    variable._serialize_to_tensors = dict
    variable._export_to_saved_model_graph = copy_and_leave_out


def write_warm_up(path: str) -> None:
    """Requests, as a TFRecord file of PredictionLog, that TensorFlow Serving replays when it loads a model."""
    ramp, large = _draw_ramp(contract.IMAGE_SIZE_PX), _draw_ramp(_LARGE_PICTURE_PX)
    example = tf.train.Example()
    example.features.feature[contract.PIXELS_KEY].bytes_list.value.append(ramp.numpy().tobytes())
    with tf.io.TFRecordWriter(path) as writer:
        for count in _WARM_UP_BATCH_SIZES:
            files = [tf.io.encode_png(ramp), tf.io.encode_jpeg(large)] * count
            batches = {
                contract.SERVE_EXAMPLES: tf.constant([example.SerializeToString()] * count),
                contract.SERVE_PIXELS: tf.repeat(ramp[tf.newaxis], count, axis=0),
                contract.SERVE_IMAGES: tf.stack(files[:count]),
            }
            for signature, batch in batches.items():
                log = prediction_log_pb2.PredictionLog()
                request = log.predict_log.request
                request.model_spec.signature_name = signature
                request.inputs[contract.INPUT_OF_SIGNATURE[signature]].CopyFrom(tf.make_tensor_proto(batch))
                writer.write(log.SerializeToString())


def _draw_ramp(size_px: int) -> tf.Tensor:
    """From black to white, uint8 (size_px, size_px, 1)."""
    row = tf.cast(tf.linspace(0.0, 255.0, size_px), tf.uint8)
    return tf.reshape(tf.tile(row, [size_px]), [size_px, size_px, contract.IMAGE_SHAPE[-1]])
