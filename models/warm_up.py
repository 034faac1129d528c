"""Requests that TensorFlow Serving replays when it loads a model, so that no caller waits for the first answer."""

from collections.abc import Iterator

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from fer_tfx.contract import (
    IMAGE_SHAPE,
    IMAGE_SIZE_PX,
    INPUT_OF_SIGNATURE,
    PIXELS_KEY,
    SERVE_EXAMPLES,
    SERVE_IMAGES,
    SERVE_PIXELS,
)

# One picture, and a batch as the server gathers it: memory is set up for both.
_BATCH_SIZES = (1, 32)
_LARGEST_PICTURE_PX = 512


def write_warm_up(path: str) -> None:
    """Write the requests as a TFRecord file of PredictionLog, the form that TensorFlow Serving takes.

    Each signature is asked for one picture and for a batch; the pictures are grey ramps.

    Args:
        path: `<model>/assets.extra/tf_serving_warmup_requests`, a file or bucket URI.
    """
    with tf.io.TFRecordWriter(path) as writer:
        for count in _BATCH_SIZES:
            for signature, batch in _build_batches(count):
                writer.write(_build_log(signature, batch).SerializeToString())


def _build_batches(count: int) -> Iterator[tuple[str, tf.Tensor]]:
    """Each signature, and `count` pictures as it takes them."""
    ramp = _draw_ramp(IMAGE_SIZE_PX)
    example = tf.train.Example()
    example.features.feature[PIXELS_KEY].bytes_list.value.append(ramp.numpy().tobytes())
    large = _draw_ramp(_LARGEST_PICTURE_PX)
    files = [tf.io.encode_png(ramp), tf.io.encode_jpeg(large)]
    yield SERVE_EXAMPLES, tf.constant([example.SerializeToString()] * count)
    yield SERVE_PIXELS, tf.repeat(ramp[tf.newaxis], count, axis=0)
    yield SERVE_IMAGES, tf.stack((files * count)[:count])


def _draw_ramp(size_px: int) -> tf.Tensor:
    """From black to white, uint8 (size_px, size_px, 1)."""
    row = tf.cast(tf.linspace(0.0, 255.0, size_px), tf.uint8)
    return tf.reshape(tf.tile(row, [size_px]), [size_px, size_px, IMAGE_SHAPE[-1]])


def _build_log(signature: str, batch: tf.Tensor) -> prediction_log_pb2.PredictionLog:
    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.signature_name = signature
    request.inputs[INPUT_OF_SIGNATURE[signature]].CopyFrom(tf.make_tensor_proto(batch))
    return log
