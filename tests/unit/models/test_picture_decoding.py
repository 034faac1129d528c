"""Pictures decoded by Pillow for the callers of a model, against the same files decoded in the model's graph."""

import io
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from fer_tfx.pictures import decode_picture
from models.signatures import decode_images
from schema.drawn_faces import draw_faces

SIZES = [(48, 48), (300, 200), (97, 131), (20, 30), (1, 1), (640, 480)]


def draw(size: tuple[int, int], seed: int = 5) -> Image.Image:
    """A drawn face of this size in colours, with noise on every pixel so that antialiasing matters."""
    random = np.random.default_rng(seed)
    face = Image.fromarray(draw_faces(1, seed).pixels[0]).resize(size, Image.Resampling.BICUBIC)
    tint = np.asarray(face, np.float64)[..., np.newaxis] * (1.0, 0.8, 0.6)
    return Image.fromarray((tint + random.normal(0, 12, tint.shape)).clip(0, 255).astype(np.uint8))


def to_16_bits(picture: Image.Image) -> Image.Image:
    grey = np.asarray(picture.convert("L")).astype(np.uint16)
    return Image.fromarray(grey * 257)


def to_see_through(picture: Image.Image) -> Image.Image:
    """RGBA, transparent from left to right: what shines through must not count."""
    alpha = np.linspace(0, 255, picture.width).astype(np.uint8)
    picture = picture.convert("RGBA")
    picture.putalpha(Image.fromarray(np.tile(alpha, (picture.height, 1))))
    return picture


def encode(picture: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


LOSSLESS: dict[str, Callable[[Image.Image], bytes]] = {
    "png l": lambda picture: encode(picture.convert("L"), "PNG"),
    "png la": lambda picture: encode(to_see_through(picture).convert("LA"), "PNG"),
    "png rgb": lambda picture: encode(picture, "PNG"),
    "png rgba": lambda picture: encode(to_see_through(picture), "PNG"),
    "png palette": lambda picture: encode(picture.quantize(64), "PNG"),
    "png palette see-through": lambda picture: encode(picture.quantize(64), "PNG", transparency=3),
    "png 1 bit": lambda picture: encode(picture.convert("1"), "PNG"),
    "png 16 bits": lambda picture: encode(to_16_bits(picture), "PNG"),
    "bmp l": lambda picture: encode(picture.convert("L"), "BMP"),
    "bmp rgb": lambda picture: encode(picture, "BMP"),
    "gif": lambda picture: encode(picture, "GIF"),
    "gif of two frames": lambda picture: encode(
        picture, "GIF", save_all=True, append_images=[picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM)]
    ),
}
LOSSY: dict[str, Callable[[Image.Image], bytes]] = {
    "jpeg l": lambda picture: encode(picture.convert("L"), "JPEG"),
    "jpeg rgb": lambda picture: encode(picture, "JPEG"),
    "jpeg rgb, colours whole": lambda picture: encode(picture, "JPEG", subsampling=0),
    "jpeg rgb, progressive": lambda picture: encode(picture, "JPEG", progressive=True),
    "jpeg cmyk": lambda picture: encode(picture.convert("CMYK"), "JPEG"),
}


def compare(content: bytes) -> int:
    """Largest difference in grey levels between the two ways of decoding."""
    pixels = decode_picture(content, "a")
    assert (pixels.shape, pixels.dtype) == ((48, 48, 1), np.uint8)
    return int(np.abs(pixels.astype(int) - decode_images(tf.constant([content]))[0].numpy().astype(int)).max())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("form", LOSSLESS)
def test_decode_picture_lossless_form_is_within_a_level_of_the_graph(form, size):
    assert compare(LOSSLESS[form](draw(size))) <= 1


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("form", LOSSY)
def test_decode_picture_jpeg_is_within_two_levels_of_the_graph(form, size):
    """TensorFlow inverts the cosine transform in a faster and rougher way: 1 level at 300x200 px, 2 at 48x48."""
    assert compare(LOSSY[form](draw(size))) <= 2
