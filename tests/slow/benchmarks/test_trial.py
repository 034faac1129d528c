import numpy as np
import pytest
import tensorflow as tf

from benchmarks.model.fer2013 import Pictures
from benchmarks.model.trial import Trained, make_transform, predict_views
from fer_tfx.views import make_views


def test_make_transform_rows_have_mean_0_and_variance_1_and_others_the_same_figures():
    pixels = np.random.default_rng(1).integers(0, 200, (30, 48, 48), dtype=np.uint8)
    transform = make_transform(pixels)
    images = transform(tf.constant([picture.tobytes() for picture in pixels])).numpy()
    assert images.shape == (30, 48, 48, 1)
    assert images.mean() == pytest.approx(0, abs=1e-5)
    assert images.std() == pytest.approx(1, abs=1e-5)
    white = transform(tf.constant([bytes([255]) * 2304])).numpy()
    np.testing.assert_allclose(white, (255 - pixels.mean()) / pixels.std(), rtol=1e-5)


def test_predict_views_come_view_by_view_in_the_order_of_the_pictures():
    rows = Pictures(np.random.default_rng(2).integers(0, 256, (3, 48, 48), dtype=np.uint8), np.array([4, 2, 0]))

    def read_corner(images: tf.Tensor, training: bool) -> tf.Tensor:
        return images[:, 0, :7, 0]

    trained = Trained(read_corner, make_transform(rows.pixels), (), 0)
    found = predict_views(trained, rows)
    views = make_views(rows.pixels[..., np.newaxis], 4).reshape(4, 3, 48, 48)
    expected = (views[:, :, 0, :7] - rows.pixels.mean()) / rows.pixels.std()
    np.testing.assert_allclose(found.logits, expected, atol=1e-5)
    assert found.class_indices.tolist() == [4, 2, 0]
