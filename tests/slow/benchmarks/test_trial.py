import numpy as np
import pytest
import tensorflow as tf

from benchmarks.ranking.trial import make_transform, make_views


def test_make_transform_rows_have_mean_0_and_variance_1_and_others_the_same_figures():
    pixels = np.random.default_rng(1).integers(0, 200, (30, 48, 48), dtype=np.uint8)
    transform = make_transform(pixels)
    images = transform(tf.constant([picture.tobytes() for picture in pixels])).numpy()
    assert images.shape == (30, 48, 48, 1)
    assert images.mean() == pytest.approx(0, abs=1e-5)
    assert images.std() == pytest.approx(1, abs=1e-5)
    white = transform(tf.constant([bytes([255]) * 2304])).numpy()
    np.testing.assert_allclose(white, (255 - pixels.mean()) / pixels.std(), rtol=1e-5)


def test_make_views_as_it_is_mirrored_enlarged_and_both():
    columns, rows = np.meshgrid(np.arange(48.0), np.arange(48.0))
    ramp = (columns - 23.5) + 100 * (rows - 23.5)
    images = np.stack([ramp, -ramp])[..., None].astype(np.float32)
    plain, mirrored, enlarged, both = np.split(make_views(tf.constant(images)).numpy(), 4)
    assert (plain == images).all()
    assert (mirrored == images[:, :, ::-1]).all()
    # A ramp about the centre that is enlarged by 1.1 rises 1.1 times less.
    np.testing.assert_allclose(enlarged, images / 1.1, atol=0.01)
    np.testing.assert_allclose(both, images[:, :, ::-1] / 1.1, atol=0.01)
