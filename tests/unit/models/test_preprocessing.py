from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from model_doubles import draw_pixels, to_raw
from written_transform import write_transform

from models.transform_graph import TransformGraph


def standardise(pixels: np.ndarray, train_pixels: np.ndarray) -> np.ndarray:
    fractions = train_pixels.astype(np.float64) / 255
    return (pixels.astype(np.float64) / 255 - fractions.mean()) / fractions.std()


def test_preprocessing_fn_pictures_of_train_split_have_zero_mean_and_unit_variance(transform, train_pixels):
    images = transform(tf.constant(to_raw(train_pixels))).numpy()
    np.testing.assert_allclose(images, standardise(train_pixels, train_pixels), atol=1e-5)
    assert images.mean() == pytest.approx(0, abs=1e-5)
    assert images.std() == pytest.approx(1, abs=1e-5)
    assert images.dtype == np.float32


def test_preprocessing_fn_pictures_of_other_split_use_figures_of_train_split(transform, train_pixels):
    pixels = draw_pixels(3, seed=9)
    images = transform(tf.constant(to_raw(pixels))).numpy()
    np.testing.assert_allclose(images, standardise(pixels, train_pixels), atol=1e-5)


def test_preprocessing_fn_same_pictures_in_other_batches_gives_the_same_bits(tmp_path: Path):
    """Beam sizes its batches by the clock; a bit more or less in the figures, and training ends elsewhere."""
    pixels = draw_pixels(40, seed=4)
    every_value = tf.constant([bytes(range(256)) * 9])
    folders = [
        write_transform(pixels, [], tmp_path / "in-order", batch_size=7),
        write_transform(pixels[::-1], [], tmp_path / "reversed", batch_size=13),
    ]
    first, second = (TransformGraph(tft.TFTransformOutput(str(folder)))(every_value).numpy() for folder in folders)
    assert first.tobytes() == second.tobytes()


def test_preprocessing_fn_pictures_of_one_grey_gives_zeros(tmp_path: Path):
    output = tft.TFTransformOutput(str(write_transform(np.full((3, 48, 48, 1), 77, np.uint8), [], tmp_path)))
    assert not TransformGraph(output)(tf.constant([bytes([77]) * 2304])).numpy().any()


def test_preprocessing_fn_pixels_of_rank_two_gives_same_images(train_pixels, tmp_path: Path):
    output = tft.TFTransformOutput(str(write_transform(train_pixels, [1], tmp_path)))
    assert output.raw_feature_spec()["pixels"].shape == [1]
    images = TransformGraph(output)(tf.constant(to_raw(train_pixels)))
    np.testing.assert_allclose(images, standardise(train_pixels, train_pixels), atol=1e-5)


@pytest.mark.parametrize("lengths", [[2303], [2 * 2304], [1152, 1152]])
def test_preprocessing_fn_picture_of_wrong_length_is_refused(transform, lengths):
    """Also where the bytes of a batch would do for some whole number of pictures."""
    with pytest.raises(tf.errors.InvalidArgumentError, match=str(sum(lengths))):
        transform(tf.constant([bytes(length) for length in lengths]))


def test_transform_graph_no_picture_gives_no_image(transform):
    assert transform(tf.constant([], tf.string)).shape == (0, 48, 48, 1)


def test_apply_to_pixels_gives_the_images_of_the_same_pictures_as_bytes(transform):
    pixels = draw_pixels(3, seed=9)
    apply = tf.function(transform.apply_to_pixels, input_signature=[tf.TensorSpec([None, 48, 48, 1], tf.uint8)])
    np.testing.assert_allclose(apply(pixels), transform(tf.constant(to_raw(pixels))), atol=1e-6)
