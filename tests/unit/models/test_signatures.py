import dataclasses
import io

import numpy as np
import pytest
import tensorflow as tf
from model_doubles import TransformStub, build_stub_network, draw_pixels
from PIL import Image

from fer_tfx.contract import DEFAULT_CLASS_NAMES, SERVE_EXAMPLES, SERVE_IMAGES, SERVE_PIXELS
from models.calibration import Calibration, Calibrations
from models.signatures import build_signatures, decode_images

CALIBRATION = Calibration(temperature=1.0, abstain_threshold=0.6, abstain_accuracy=0.8, coverage=0.5, n=100)
ONE_VIEW = Calibrations(1, {1: CALIBRATION})


def write_image(pixels: np.ndarray, form: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form)
    return file.getvalue()


def decode_one(image_bytes: bytes) -> np.ndarray:
    return decode_images(tf.constant([image_bytes])).numpy()[0, :, :, 0]


@pytest.mark.parametrize("class_index", range(7))
def test_serve_pixels_network_sure_of_a_class_is_served_under_its_name(class_index):
    serve_pixels, _ = build_signatures(build_stub_network(class_index), TransformStub(), ONE_VIEW, DEFAULT_CLASS_NAMES)[
        SERVE_PIXELS
    ]
    outputs = serve_pixels(tf.constant(draw_pixels(2)))
    largest = np.exp(10) / (np.exp(10) + 6)
    assert outputs["class_name"].numpy().tolist() == [[DEFAULT_CLASS_NAMES[class_index].encode()]] * 2
    assert outputs["class_index"].numpy().tolist() == [class_index] * 2
    np.testing.assert_allclose(outputs["confidence"], [largest] * 2, rtol=1e-6)
    np.testing.assert_allclose(outputs["probabilities"][:, class_index], [largest] * 2, rtol=1e-6)
    np.testing.assert_allclose(tf.reduce_sum(outputs["probabilities"], axis=1), [1.0, 1.0], rtol=1e-6)


def test_build_signatures_outputs_have_the_types_of_the_contract():
    serve_pixels, spec = build_signatures(build_stub_network(0), TransformStub(), ONE_VIEW, DEFAULT_CLASS_NAMES)[
        SERVE_PIXELS
    ]
    outputs = tf.function(serve_pixels, input_signature=[spec]).get_concrete_function().structured_outputs
    assert {name: (tensor.dtype, tensor.shape.as_list()) for name, tensor in outputs.items()} == {
        "probabilities": (tf.float32, [None, 7]),
        "class_names": (tf.string, [None, 7]),
        "class_index": (tf.int64, [None]),
        "class_name": (tf.string, [None, 1]),
        "confidence": (tf.float32, [None]),
        "abstain": (tf.bool, [None]),
    }


def ask_pixels(pixels: np.ndarray, threshold: float = 0.6) -> dict[str, tf.Tensor]:
    calibrations = Calibrations(1, {1: dataclasses.replace(CALIBRATION, abstain_threshold=threshold)})
    serve_pixels, spec = build_signatures(build_stub_network(3), TransformStub(), calibrations, DEFAULT_CLASS_NAMES)[
        SERVE_PIXELS
    ]
    return tf.function(serve_pixels, input_signature=[spec])(tf.constant(pixels))


@pytest.mark.parametrize(("threshold", "expected"), [(0.999, False), (0.9999, True)])
def test_serve_pixels_abstains_below_the_calibrations_threshold(threshold, expected):
    outputs = ask_pixels(draw_pixels(2), threshold)  # a confidence of 0.99973
    assert outputs["abstain"].numpy().tolist() == [expected] * 2


def test_serve_pixels_without_the_last_axis_gives_the_same_answers():
    pixels = draw_pixels(3)
    for key, expected in ask_pixels(pixels).items():
        assert ask_pixels(pixels[..., 0])[key].numpy().tolist() == expected.numpy().tolist()


def test_serve_pixels_no_pictures_gives_no_answers():
    assert ask_pixels(np.zeros((0, 48, 48), np.uint8))["probabilities"].shape == (0, 7)


@pytest.mark.parametrize(
    "shape", [(2304,), (48, 48), (48, 48, 1), (1, 24, 96), (1, 2304), (2, 48, 48, 3), (1, 48, 96, 1)]
)
def test_serve_pixels_other_shapes_are_refused_with_the_expected_one(shape):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"expected the shape \(n, 48, 48, 1\) or without the 1"):
        ask_pixels(np.zeros(shape, np.uint8))


def test_build_signatures_inputs_have_the_names_of_the_contract():
    signatures = build_signatures(build_stub_network(0), TransformStub(), ONE_VIEW, DEFAULT_CLASS_NAMES)
    assert {name: spec.name for name, (_, spec) in signatures.items()} == {
        SERVE_EXAMPLES: "examples",
        SERVE_PIXELS: "pixels",
        SERVE_IMAGES: "image_bytes",
    }


@pytest.mark.parametrize("form", ["PNG", "BMP", "GIF"])
def test_decode_images_grey_picture_of_48_px_returns_exactly_its_pixels(form):
    pixels = draw_pixels(1)[0, :, :, 0]
    pixels.ravel()[:256] = np.arange(256)
    np.testing.assert_array_equal(decode_one(write_image(pixels, form)), pixels)


def test_decode_images_grey_jpeg_of_48_px_differs_from_pillow_by_one_at_most():
    pixels = np.tile(np.arange(0, 240, 5, dtype=np.uint8), (48, 1))
    image_bytes = write_image(pixels, "JPEG")
    with Image.open(io.BytesIO(image_bytes)) as image:
        expected = np.asarray(image).astype(int)
    assert np.abs(decode_one(image_bytes).astype(int) - expected).max() <= 1


def test_decode_images_colours_become_the_grey_of_bt_601():
    colours = draw_pixels(3, seed=2)[..., 0].transpose(1, 2, 0)
    expected = np.round(colours @ np.array([0.299, 0.587, 0.114]))
    np.testing.assert_allclose(decode_one(write_image(colours, "PNG")), expected, atol=1)
    red = np.zeros((48, 48, 3), np.uint8)
    red[..., 0] = 200
    assert (decode_one(write_image(red, "PNG")) == 60).all()


def test_decode_images_large_picture_is_averaged_not_sampled():
    stripes = np.tile(np.array([0, 0, 0, 255], np.uint8), (192, 48))  # sampled at its centres it would be black
    pixels = decode_one(write_image(stripes, "PNG")).astype(int)
    assert np.abs(pixels[4:-4, 4:-4] - 255 / 4).max() <= 1


def test_decode_images_pictures_of_several_sizes_and_kinds_share_a_batch():
    grey = np.full((20, 100), 70, np.uint8)
    transparent = np.full((60, 30, 4), 70, np.uint8)
    decoded = decode_images(tf.constant([write_image(grey, "JPEG"), write_image(transparent, "PNG")]))
    assert decoded.shape == (2, 48, 48, 1)
    assert decoded.dtype == tf.uint8
    np.testing.assert_allclose(decoded, 70, atol=1)


def test_decode_images_no_picture_returns_no_pixels():
    assert decode_images(tf.constant([], tf.string)).shape == (0, 48, 48, 1)


def test_decode_images_text_is_refused():
    with pytest.raises(tf.errors.InvalidArgumentError, match="unknown picture format; give a PNG, JPEG, GIF or BMP"):
        decode_one(b"no picture at all")
