import numpy as np
import tensorflow as tf
from model_doubles import TransformStub, draw_pixels, to_raw

from fer_tfx import views
from models.signatures import build_view_logits, make_views


def test_make_views_are_those_of_numpy_bit_for_bit():
    pixels = draw_pixels(200, seed=9)
    pixels[0], pixels[1] = 0, 255
    for count in views.VIEW_COUNTS:
        found = tf.function(make_views)(tf.constant(pixels), count)
        np.testing.assert_array_equal(found, views.make_views(pixels, count))


def test_build_view_logits_picture_by_picture_each_view_of_it():
    pixels = draw_pixels(3)

    def compute_logits(images: tf.Tensor) -> tf.Tensor:
        return tf.reshape(images, [-1, 2304])[:, :7]

    found = build_view_logits(compute_logits, TransformStub(), 4)(tf.constant(to_raw(pixels)))
    expected = (views.make_views(pixels, 4).reshape(4, 3, 2304)[..., :7] / 255.0 - 0.5) * 4.0
    np.testing.assert_allclose(found, expected.transpose(1, 0, 2), atol=1e-6)
