"""What TensorFlow Serving would replay has an answer in the model that it lies beside."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from fer_tfx.contract import INPUT_OF_SIGNATURE
from models.export import write_warm_up


@pytest.fixture(scope="module")
def requests(tmp_path_factory) -> list:
    path = str(tmp_path_factory.mktemp("warm_up") / "tf_serving_warmup_requests")
    write_warm_up(path)
    records = tf.data.TFRecordDataset(path).as_numpy_iterator()
    return [prediction_log_pb2.PredictionLog.FromString(record).predict_log.request for record in records]


def test_write_warm_up_asks_each_signature_for_one_picture_and_for_a_batch(requests):
    asked = [(each.model_spec.signature_name, *each.inputs, *shape_of(each)[:1]) for each in requests]
    assert asked == [(name, input_, count) for count in (1, 32) for name, input_ in INPUT_OF_SIGNATURE.items()]


def shape_of(request) -> tuple[int, ...]:
    (proto,) = request.inputs.values()
    return tf.make_ndarray(proto).shape


def test_write_warm_up_pictures_are_ramps_as_their_signatures_take_them(requests):
    examples, pixels, images = (tf.make_ndarray(each.inputs[INPUT_OF_SIGNATURE[each.model_spec.signature_name]])
                                for each in requests[-3:])  # fmt: skip
    feature = tf.train.Example.FromString(examples[0]).features.feature["pixels"].bytes_list.value[0]
    assert np.frombuffer(feature, np.uint8).tolist() == pixels[0].ravel().tolist()
    assert (pixels.dtype, pixels.shape) == (np.uint8, (32, 48, 48, 1))
    assert (pixels[0, 0, 0, 0], pixels[0, 47, 47, 0]) == (0, 255)
    shapes = {tf.io.decode_image(each).shape[:2] for each in images}
    assert {tuple(shape) for shape in shapes} == {(48, 48), (512, 512)}
