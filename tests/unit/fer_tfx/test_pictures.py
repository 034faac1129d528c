"""Files of pictures -> pixels; that they equal those of the graph is tested in tests/unit/models."""

import errno
import io
import os
import re
import struct
import sys
import warnings
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer_tfx import pictures
from fer_tfx.errors import DataError, in_one_line
from fer_tfx.files import unreadable
from fer_tfx.pictures import decode_picture, open_picture, open_upright, read_bounded, read_picture_file, to_pixels

ORIENTATION = 0x0112


def encode(picture: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def fail(content: bytes) -> str:
    with pytest.raises(DataError) as caught:
        decode_picture(content, "a.png")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_decode_picture_of_the_right_size_stays_as_it_is():
    pixels = np.random.default_rng(1).integers(0, 256, (48, 48), np.uint8)
    np.testing.assert_array_equal(decode_picture(encode(Image.fromarray(pixels)), "a")[..., 0], pixels)


@pytest.mark.parametrize(("colour", "grey"), [((255, 0, 0), 76), ((0, 255, 0), 150), ((0, 0, 255), 29)])
def test_to_pixels_colours_become_the_grey_of_their_luma(colour, grey):
    assert np.unique(to_pixels(Image.new("RGB", (70, 50), colour))).tolist() == [grey]


def test_to_pixels_stripes_finer_than_a_pixel_become_their_mean():
    stripes = np.tile(np.array([0, 100], np.uint8), (96, 480))
    assert set(np.unique(to_pixels(Image.fromarray(stripes))).tolist()) <= {49, 50, 51}


def test_to_pixels_of_16_bits_the_upper_eight_count():
    grey = np.full((48, 48), 0x7FFF, np.uint16)
    assert np.unique(to_pixels(Image.fromarray(grey))).tolist() == [0x7F]


def corner(orientation: int) -> tuple[int, int]:
    """Where the light quarter of a picture ends up whose upper left quarter is light in the file: (row, column)."""
    pixels = np.zeros((96, 96), np.uint8)
    pixels[:48, :48] = 200
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    answer = decode_picture(encode(Image.fromarray(pixels), "JPEG", exif=exif), "a")[..., 0]
    row, column = np.argwhere(answer[[12, 36]][:, [12, 36]] > 150)[0]
    return int(row), int(column)


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [(1, (0, 0)), (2, (0, 1)), (3, (1, 1)), (4, (1, 0)), (5, (0, 0)), (6, (0, 1)), (7, (1, 1)), (8, (1, 0)),
     (0, (0, 0)), (9, (0, 0))],
)  # fmt: skip
def test_open_upright_turns_the_picture_as_the_camera_noted(orientation, expected):
    assert corner(orientation) == expected


def test_open_upright_quarter_turn_exchanges_width_and_height():
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    assert open_upright(encode(Image.new("RGB", (40, 20)), "JPEG", exif=exif), "a").size == (20, 40)


def test_open_upright_note_that_cannot_be_read_is_passed_over():
    content = encode(Image.new("L", (40, 20)), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12")
    assert open_upright(content, "a").size == (40, 20)


def test_to_pixels_palette_with_transparent_colours_causes_no_warning():
    content = encode(Image.effect_noise((60, 60), 90).convert("RGB").quantize(16), transparency=bytes(range(16)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode_picture(content, "a").shape == (48, 48, 1)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty; give a picture"),
        (b"hello", "is no picture; give a PNG or JPEG file"),
        (b"\x89PNG\r\n\x1a\n", "is no picture; give a PNG or JPEG file"),
        (b"emotion,pixels\n", "is no picture; give a PNG or JPEG file"),
        (b"%PDF-1.7\n", "PDF can't be read; save it as PNG or JPEG"),
        (b"\n<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG can't be read; save it as PNG or JPEG"),
        (b"\xff\x0a\xfa\x1f", "JPEG XL can't be read; save it as PNG or JPEG"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL can't be read; save it as PNG or JPEG"),
        (b"<!DOCTYPE html><p>Not found", "a web page can't be read; save it as PNG or JPEG"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\n",
            "is a pointer of Git LFS, not the picture; run",
        ),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "EPS can't be read; save it as"),
        (b"\x89HDF\r\n\x1a\n" + bytes(99), "HDF5 can't be read; save it as"),
    ],
)
def test_decode_picture_bytes_that_are_no_picture_are_named(content, said):
    assert fail(content).startswith(f"a.png: {said}")


def draw(mode: str = "RGB") -> Image.Image:
    """Dark on the left, light on the right."""
    grey = Image.fromarray(np.tile(np.linspace(20, 230, 96, dtype=np.uint8), (96, 1)))
    return grey.quantize(64) if mode == "P" else grey.convert("RGB").convert(mode)


def measure_distance(content: bytes) -> float:
    """Mean distance, in grey levels, from what the same picture gives as a PNG."""
    return float(np.abs(decode_picture(content, "a").astype(int) - decode_picture(encode(draw()), "a")).mean())


@pytest.mark.parametrize(
    ("form", "mode"),
    [
        ("AVIF", "RGB"), ("WEBP", "RGB"), ("TIFF", "RGB"), ("TIFF", "CMYK"), ("JPEG", "CMYK"), ("JPEG2000", "RGB"),
        ("PPM", "RGB"), ("TGA", "RGB"), ("ICO", "RGBA"), ("PCX", "P"), ("TIFF", "P"), ("PNG", "P"), ("GIF", "P"),
        ("TIFF", "LA"), ("QOI", "RGB"), ("SGI", "L"), ("DDS", "RGB"), ("ICNS", "RGBA"), ("IM", "RGB"), ("BMP", "RGB"),
    ],
)  # fmt: skip
def test_decode_picture_every_format_that_pillow_opens_gives_the_same(form, mode):
    assert measure_distance(encode(draw(mode), form)) < 3


@pytest.mark.parametrize("form", ["TIFF", "PNG", "PPM", "JPEG2000"])
def test_decode_picture_of_16_bits_is_no_white_page(form):
    grey = np.asarray(draw("L")).astype(np.uint16) * 257
    assert measure_distance(encode(Image.fromarray(grey), form)) < 1


def make_tiff(values: np.ndarray, photometric: int, sample_format: int = 1) -> bytes:
    """Of grey values as they are, without packing."""
    entries = [
        (256, 4, values.shape[1]), (257, 4, values.shape[0]), (258, 3, 8 * values.itemsize), (259, 3, 1),
        (262, 3, photometric), (273, 4, 8), (277, 3, 1), (278, 4, values.shape[0]), (279, 4, values.nbytes),
        (339, 3, sample_format),
    ]  # fmt: skip
    tags = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    directory = struct.pack("<H", len(entries)) + tags + bytes(4)
    return struct.pack("<2sHI", b"II", 42, 8 + values.nbytes) + values.tobytes() + directory


def test_decode_picture_tiff_from_white_to_black_or_with_signs_is_read_aright_or_refused():
    grey = np.asarray(draw("L"))
    expected = decode_picture(encode(Image.fromarray(grey)), "a").tolist()
    assert decode_picture(make_tiff(grey, 1), "a").tolist() == expected
    assert decode_picture(make_tiff(255 - grey, 0), "a").tolist() == expected
    assert decode_picture(make_tiff(grey.astype("<u2") * 257, 1), "a").tolist() == expected
    inverted = make_tiff(65_535 - grey.astype("<u2") * 257, 0)
    assert fail(inverted) == "a.png: this TIFF counts 16 bits from white to black; save it with 8 bits a colour"
    signed = make_tiff((grey.astype(int) - 128).astype("i1"), 1, sample_format=2)
    assert fail(signed) == "a.png: this TIFF holds numbers below 0; save it with 8 bits a colour"


NO_WHITE = "holds floats or whole numbers of 32 bits, whose white nobody knows; save it with 8 or 16 bits a colour"


@pytest.mark.parametrize("values", [np.float32([[0.5]]), np.int32([[200]]), np.int32([[70_000]]), np.int32([[-1]])])
def test_open_picture_whose_white_nobody_knows_is_refused(values):
    picture = Image.fromarray(np.repeat(np.repeat(values, 50, 0), 50, 1))
    assert fail(encode(picture, "TIFF")) == f"a.png: this TIFF {NO_WHITE}"
    with pytest.raises(DataError, match=rf"^crop 0: this picture {NO_WHITE}$"):
        open_picture(picture, "crop 0")


@pytest.mark.parametrize("size", [(0, 10), (10, 0), (0, 0)])
def test_open_picture_without_a_pixel_is_refused(size):
    """As a box without a width cuts out."""
    said = rf"^crop 0: this picture has no pixels \({size[0]}x{size[1]}\); leave it out$"
    with pytest.raises(DataError, match=said):
        open_picture(Image.new("RGB", size), "crop 0")


def test_open_picture_that_is_closed_says_so():
    with Image.open(io.BytesIO(encode(draw()))) as picture:
        pass
    with pytest.raises(DataError, match=r"^crop 0: is closed; open it again"):
        open_picture(picture, "crop 0")


@pytest.mark.parametrize("form", ["AVIF", "DDS", "PNG", "JPEG", "WEBP", "TIFF", "GIF", "JPEG2000", "SGI", "TGA"])
def test_decode_picture_with_a_byte_changed_is_read_or_refused(form):
    """Pillow's readers raise many kinds of errors; AVIF's a RuntimeError for a third of these."""
    content, random = encode(draw(), form), np.random.default_rng(5)
    for place in random.integers(20, len(content), 60):
        damaged = content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]
        with suppress(DataError):
            assert decode_picture(damaged, "a").shape == (48, 48, 1)


class StreamDouble:
    """What isn't a file but has its method."""

    def __init__(self, *answers: object) -> None:
        self._answers = [*answers]

    def read(self, size: int) -> object:
        return self._answers.pop(0)


def test_read_bounded_stream_that_gives_little_at_a_time_is_read_to_its_end():
    """A pipe without a buffer gives what is there."""
    assert read_bounded(StreamDouble(b"ab", b"c", b"defg", b""), "a") == b"abcdefg"


async def read_later() -> bytes:
    return b""


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (read_later(), "is read asynchronously; give the bytes, by `await file.read()`"),
        (None, "its read() gave NoneType instead of bytes; give the bytes themselves"),
        ("text", "is open for reading text; open the file by open(path, 'rb')"),
    ],
)
def test_open_picture_what_reads_otherwise_than_a_file_is_told_what_to_give(answer, said):
    with pytest.raises(DataError, match=rf"^a: {re.escape(said)}$"):
        open_picture(StreamDouble(answer), "a")


def test_open_picture_buffer_that_was_just_written_says_that_it_stands_at_its_end():
    buffer = io.BytesIO()
    draw().save(buffer, "PNG")
    with pytest.raises(DataError, match=rf"^a: was read up to its end, byte {buffer.tell():,}; go back to its start"):
        open_picture(buffer, "a")


@pytest.mark.parametrize(
    "mode",
    [
        "1",
        "L",
        "P",
        "RGB",
        "RGBA",
        "CMYK",
        "YCbCr",
        "LAB",
        "HSV",
        "LA",
        "PA",
        "RGBX",
        "RGBa",
        "La",
        "I;16",
        "I;16B",
        "I",
    ],
)
def test_to_pixels_takes_every_mode_of_pillow(mode):
    assert to_pixels(Image.new(mode, (60, 60))).shape == (48, 48, 1)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "TIFF", "PNG", "AVIF"])
def test_decode_picture_of_an_animation_the_first_frame_counts(form):
    content = encode(draw(), form, save_all=True, append_images=[Image.new("RGB", (96, 96), "red")] * 2)
    assert measure_distance(content) < 3


@pytest.mark.parametrize("is_last", [False, True])
@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP", b"tEXt"])
def test_decode_picture_png_with_large_texts_and_profiles_is_read_with_its_orientation(kind, is_last):
    """Pillow refuses those that unpack to more than a megabyte, and all texts beyond 64."""
    packed = zlib.compress(bytes(2_000_000))
    body = {
        b"zTXt": b"Comment\0\0" + packed, b"iTXt": b"Comment\0\1\0\0\0" + packed, b"iCCP": b"profile\0\0" + packed,
        b"tEXt": b"Comment\0" + b"x" * 70_000_000,
    }[kind]  # fmt: skip
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    content = encode(draw("L").resize((60, 30)), exif=exif)
    place = len(content) - 12 if is_last else 33  # before IEND, or behind IHDR
    assert open_upright(content[:place] + chunk + content[place:], "a").size == (30, 60)


def test_decode_picture_heic_without_its_reader_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    content = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(50)
    assert fail(content) == "a.png: HEIC needs pillow-heif: `pip install pillow-heif`, or save it as PNG or JPEG"


def test_decode_picture_heic_is_read_where_its_reader_is_installed():
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    assert measure_distance(encode(draw(), "HEIF")) < 3


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF"])
def test_decode_picture_torn_file_is_named(form):
    content = encode(Image.effect_noise((200, 100), 60), form)
    assert fail(content[: len(content) // 2]) in {
        f"a.png: this {form} is damaged or ends early; replace it, or leave it out",
        "a.png: is no picture; give a PNG or JPEG file",
    }


@pytest.mark.parametrize("size", [(10_001, 10_000), (20_000, 20_000)])
def test_decode_picture_that_would_fill_the_memory_is_refused_undecoded(size, monkeypatch):
    content = encode(Image.new("1", size))
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fail(content) == "a.png: more than 100,000,000 pixels; scale it down"


def test_read_picture_file_gives_its_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"123")
    assert read_picture_file(str(tmp_path / "a")) == b"123"


def refuse(name: str | Path) -> str:
    with pytest.raises(DataError) as caught:
        read_picture_file(str(name))
    return str(caught.value).replace(str(name), "NAME")


def test_read_picture_file_what_cannot_be_read_is_named(tmp_path):
    assert refuse(tmp_path / "none") == "NAME: no such file; check the path"
    (tmp_path / "link").symlink_to("none")
    assert refuse(tmp_path / "link") == "NAME: no such file; check the path"
    assert refuse("https://example.org/a.jpg") == "NAME: no such file; download it first"
    assert refuse(tmp_path) == "NAME: is a folder; name the files in it"
    assert refuse("a" * 300) == "NAME: can't be read: File name too long; check the path and the disk"
    assert refuse("no\0ne") == r"no\x00ne: can't be read: embedded null byte; check the path and the disk"
    (tmp_path / "file").touch()
    assert refuse(tmp_path / "file" / "a.jpg") == "NAME: no such file; check the path"
    refused = unreadable("a.jpg", PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    assert str(refused) == "a.jpg: can't be read: Permission denied; fix its permissions"
    assert refuse("/dev/zero") == "NAME: is a pipe or device; give the file, or its content as standard input"
    with (tmp_path / "large").open("wb") as file:
        file.truncate(200_000_001)
    assert refuse(tmp_path / "large") == "NAME: larger than 200,000,000 bytes; give a smaller picture"


def test_read_bounded_stream_without_a_size_is_read_no_further_than_the_bound(monkeypatch):
    monkeypatch.setattr(pictures, "MAX_FILE_BYTES", 10)
    stream = io.BytesIO(bytes(100))
    with pytest.raises(DataError, match=r"^standard input: larger than 10 bytes; give a smaller picture$"):
        read_bounded(stream, "standard input")
    assert stream.tell() == 11
    assert read_bounded(io.BytesIO(bytes(10)), "a") == bytes(10)


def test_in_one_line_breaks_and_undecodable_bytes_are_escaped():
    assert in_one_line("ä\n\x1b\udcff.png") == "ä\\n\\x1b\\udcff.png"
