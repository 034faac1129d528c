"""What a picture would take is known before it is decoded."""

import io
import struct
import zlib
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from models import picture_bounds
from models.signatures import decode_images

FORMS = ("PNG", "JPEG", "BMP", "GIF")


def encode(size: tuple[int, int], form: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.effect_noise(size, 60).save(file, form, **options)
    return file.getvalue()


def decode(*files: bytes) -> np.ndarray:
    """In a graph, as an export decodes."""
    return trace(picture_bounds.MAX_SERVED_PIXELS, picture_bounds._MAX_GIF_BLOCKS)(tf.constant(files)).numpy()


@cache
def trace(*bounds: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """Anew for other bounds, which the graph holds."""
    del bounds
    return tf.function(decode_images, input_signature=[tf.TensorSpec([None], tf.string)])


def refuse(*files: bytes) -> str:
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        decode(*files)
    return caught.value.message


def forge_png(width: int, height: int) -> bytes:
    """A header and nothing behind it."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n\0\0\0\r" + header + struct.pack(">I", zlib.crc32(header))


def forge_jpeg(width: int, height: int) -> bytes:
    """Of another size by its header than its data have."""
    content = encode((8, 8), "JPEG")
    place = content.index(b"\xff\xc0") + 5
    return content[:place] + struct.pack(">HH", height, width) + content[place + 4 :]


def forge_bmp(width: int, height: int) -> bytes:
    content = encode((8, 8), "BMP")
    return content[:18] + struct.pack("<ii", width, height) + content[26:]


def forge_gif(width: int, height: int) -> bytes:
    content = encode((8, 8), "GIF")
    place = content.index(b",\0\0\0\0\x08\0\x08\0") + 5
    return content[:place] + struct.pack("<HH", width, height) + content[place + 4 :]


FORGE = {"PNG": forge_png, "JPEG": forge_jpeg, "BMP": forge_bmp, "GIF": forge_gif}
SIZES = [(form, width, height) for form in FORMS for width, height in ((8_000, 8_000), (5_000, 5_001), (65_000, 385))]
# Products that 32 or 64 bits don't hold; more than 65,535 only these two formats can say.
SIZES += [("PNG", 2**31 - 1, 2**31 - 1), ("PNG", 2**16, 2**16), ("BMP", 2**31 - 1, 2**31 - 1), ("BMP", 2**16, -(2**16))]
SIZES += [("PNG", 2**32 - 1, 2**32 - 1), ("BMP", 2**31 - 1, -(2**31)), ("BMP", -(2**31), -(2**31))]


@pytest.mark.parametrize(("form", "width", "height"), SIZES)
def test_decode_images_too_many_pixels_are_refused_by_the_header(form, width, height):
    assert "a picture may have 25,000,000 pixels; scale it down, it has] [" in refuse(FORGE[form](width, height))


@pytest.mark.parametrize("form", FORMS)
def test_decode_images_bound_is_met_exactly_or_refused_anywhere_in_a_batch(form, monkeypatch):
    monkeypatch.setattr(picture_bounds, "MAX_SERVED_PIXELS", 40 * 60)
    fits, exceeds = encode((60, 40), form), encode((61, 40), form)
    assert decode(fits, fits).shape == (2, 48, 48, 1)
    for batch in ((exceeds,), (fits, exceeds), (exceeds, fits)):
        assert "it has] [2440]" in refuse(*batch)


def test_decode_images_bmp_from_top_to_bottom_is_measured_by_its_height(monkeypatch):
    upward = encode((60, 40), "BMP")
    downward = upward[:22] + struct.pack("<i", -40) + upward[26:]
    np.testing.assert_allclose(decode(downward)[:, ::-1], decode(upward), atol=1)
    monkeypatch.setattr(picture_bounds, "MAX_SERVED_PIXELS", 2_399)
    assert "it has] [2400]" in refuse(downward)


@pytest.mark.parametrize("width", [-1, -60])
def test_decode_images_bmp_of_negative_width_is_refused(width):
    refuse(forge_bmp(width, -40))


@pytest.mark.parametrize("content", [b"", b"B", b"\x89", b"no picture at all", b"RIFF\x1a\0\0\0WEBPVP8L", b"II*\0"])
def test_decode_images_other_formats_are_refused_with_those_that_are_read(content):
    assert "unknown picture format; give a PNG, JPEG, GIF or BMP" in refuse(content)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("length", [2, 3, 12, 20, 30])
def test_decode_images_torn_header_is_refused(form, length):
    refuse(encode((60, 40), form)[:length])


def test_decode_images_png_that_hides_its_header_behind_a_chunk_is_refused():
    """libpng would pass over the chunk and read 8,000 x 8,000; at the usual place stands 8 x 8."""
    hidden = forge_png(8_000, 8_000)
    chunk = b"abCd" + struct.pack(">II", 8, 8)
    content = hidden[:8] + struct.pack(">I", 8) + chunk + struct.pack(">I", zlib.crc32(chunk)) + hidden[8:]
    assert "a PNG must begin with its header; save it anew" in refuse(content)


def test_decode_images_of_a_gif_the_frames_after_the_first_are_not_decoded():
    first, later = Image.effect_noise((60, 40), 60), Image.new("L", (60, 40))
    file = io.BytesIO()
    first.save(file, "GIF", save_all=True, append_images=[later, first, later], comment=b"x" * 300, loop=0)
    still = io.BytesIO()
    first.save(still, "GIF")
    taken = picture_bounds.bound_picture(tf.constant(file.getvalue()), tf.constant(2)).numpy()
    with Image.open(io.BytesIO(taken)) as picture:
        assert picture.n_frames == 1
    np.testing.assert_array_equal(decode(file.getvalue()), decode(still.getvalue()))


def test_decode_images_gif_of_endless_blocks_is_refused(monkeypatch):
    monkeypatch.setattr(picture_bounds, "_MAX_GIF_BLOCKS", 50)
    content = encode((60, 40), "GIF")
    place = content.index(b",\0\0\0\0")
    comments = b"!\xfe" + b"\x01x" * 100 + b"\0"
    assert decode(content).shape == (1, 48, 48, 1)
    for blocks in (comments, b"!\xfe\x01x\0" * 60):
        assert "a GIF may have 50 blocks; save it as PNG" in refuse(content[:place] + blocks + content[place:])
