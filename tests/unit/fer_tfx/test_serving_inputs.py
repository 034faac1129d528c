"""Hostile and mistaken inputs get one clear line before anything is sent."""

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from transport_double import TransportDouble

from fer_tfx.client.checks import FileLimits
from fer_tfx.client.client import Client
from fer_tfx.errors import BadRequestError


@pytest.fixture
def transport() -> TransportDouble:
    return TransportDouble()


@pytest.fixture
def client(transport) -> Client:
    return Client("http://nowhere.example", transport=transport)


@pytest.mark.parametrize(
    ("pixels", "found"),
    [
        (np.zeros((2, 48, 47, 1), np.uint8), r"uint8 \(2, 48, 47, 1\); scale it to 48x48"),
        (np.zeros((2, 48, 48, 3), np.uint8), r"uint8 \(2, 48, 48, 3\)"),
        (np.zeros((1, 2304), np.uint8), r"uint8 \(1, 2304\)"),
        (np.zeros((48, 48), np.uint8), r"uint8 \(48, 48\)"),
        (np.zeros((), np.uint8), r"uint8 \(\)"),
        (np.zeros((0,), np.uint8), r"uint8 \(0,\)"),
        (np.full((1, 48, 48, 1), 0.5, np.float32), r"got float32 \(1, 48, 48, 1\)"),
        (np.full((1, 48, 48, 1), np.nan), r"got float64 \(1, 48, 48, 1\)"),
        (np.zeros((1, 48, 48, 1), np.int64), r"got int64 \(1, 48, 48, 1\)"),
        (np.zeros((1, 48, 48, 1), bool), r"got bool \(1, 48, 48, 1\)"),
        (np.full((1, 48, 48, 1), None), r"got object \(1, 48, 48, 1\)"),
        ([[0] * 48] * 48, "got list"),
        (None, "got NoneType"),
        (b"abc", "got bytes"),
    ],
)
def test_predict_pixels_wrong_shape_or_type_is_refused_unsent(client, transport, pixels, found):
    expected = r"^pixels: expected a uint8 array \(n, 48, 48, 1\) or \(n, 48, 48\).*"
    with pytest.raises(BadRequestError, match=expected + found) as caught:
        client.predict_pixels(pixels)
    assert caught.value.exit_code == 2
    assert transport.batches == []


@pytest.mark.parametrize(
    ("picture", "found"),
    [
        (b"", "a PNG or JPEG file, got no bytes"),
        (b"emotion,pixels\n0,1 2 3", r"got 22 bytes starting with b'emotion,'"),
        (b"\x89PNG\r\n\x1a\n", r"got 8 bytes starting with b'\\x89PNG"),
        (b"%PDF-1.7", "a PNG or JPEG file, got 8 bytes"),
        (Path("/tmp"), "got PosixPath '/tmp'; read a file first"),
        ("face.png", "got str 'face.png'; read a file first"),
        (7, "got int '7'"),
        (np.zeros((48, 48, 1), np.float32), r"got float32 \(48, 48, 1\)"),
        (np.zeros((64, 64), np.uint8), r"got uint8 \(64, 64\)"),
        (np.zeros((1, 48, 48, 1), np.uint8), r"got uint8 \(1, 48, 48, 1\)"),
    ],
)
def test_predict_what_is_no_picture_is_refused_by_its_position(client, transport, draw, picture, found):
    with pytest.raises(BadRequestError, match=f"^picture 1: expected .*{found}") as caught:
        client.predict([draw(1)[0], picture])
    assert caught.value.index == 1
    assert transport.batches == []


@pytest.mark.parametrize("images", [b"\x89PNG", "face.png"])
def test_predict_one_file_instead_of_a_list_is_refused(client, images):
    with pytest.raises(BadRequestError, match=r"images: expected a list of pictures, got (bytes|str); give \[it\]"):
        client.predict(images)


def write_blank(width: int, height: int, form: str) -> bytes:
    stream = io.BytesIO()
    Image.new("1" if form == "PNG" else "L", (width, height)).save(stream, form)
    return stream.getvalue()


def test_predict_jpeg_of_50_megapixels_is_refused_by_its_header(client, transport):
    with pytest.raises(BadRequestError, match="picture 0: 10000x5000 pixels, the most is 25,000,000; scale it down"):
        client.predict([write_blank(10_000, 5_000, "JPEG")])
    assert transport.batches == []


def test_predict_picture_that_pillow_calls_a_bomb_is_refused(client, recwarn):
    size = Image.MAX_IMAGE_PIXELS // 10_000 + 1
    for rows, said in ((10_000, "pixels, the most is"), (20_000, "far too many pixels; scale it down")):
        head = write_blank(8, 8, "PNG")
        forged = head[:16] + size.to_bytes(4, "big") + rows.to_bytes(4, "big") + head[24:29]
        forged += zlib.crc32(forged[12:29]).to_bytes(4, "big") + head[33:]
        with pytest.raises(BadRequestError, match=f"picture 0: .*{said}"):
            client.predict([forged])
    assert list(recwarn) == []


def test_predict_file_of_too_many_bytes_is_refused_unread(client):
    with pytest.raises(BadRequestError, match="a file of 10,000,001 bytes, the most is 10,000,000; scale it down"):
        client.predict([bytes(10_000_001)])


def test_predict_limits_of_files_can_be_set(transport, write_file):
    file = write_file(1)
    for limits, said in ((FileLimits(max_pixels=2303), "48x48 pixels"), (FileLimits(max_bytes=9), "the most is 9;")):
        with pytest.raises(BadRequestError, match=said):
            Client("http://nowhere.example", transport=transport, limits=limits).predict([file])
    exact = FileLimits(max_bytes=len(file), max_pixels=2304)
    assert len(Client("http://nowhere.example", transport=transport, limits=exact).predict([file])) == 1


def test_predict_ten_thousand_pictures_are_asked_in_batches(client, transport, draw):
    values = np.arange(10_000) % 256
    found = client.predict_pixels(np.broadcast_to(values.astype(np.uint8)[:, None, None], (10_000, 48, 48)))
    assert [each.class_index for each in found] == (values % 7).tolist()
    assert [len(batch) for batch in transport.batches] == [64] * 156 + [16]


def test_predict_takes_no_more_pictures_than_it_sends(transport, draw):
    taken = []

    def draw_forever():
        for number in range(7):
            taken.append(number)
            yield draw(number)[0]

    def note(signature, batch):
        sent_after.append(len(taken))

    sent_after: list[int] = []
    transport.on_predict = note
    Client("http://nowhere.example", transport=transport, batch_size=2).predict(draw_forever())
    assert sent_after == [3, 5, 7, 7]


def test_predict_large_files_are_sent_in_fewer_at_a_time(client, transport, write_file):
    padded = write_file(1) + bytes(6_000_000)  # behind a PNG's end
    assert len(client.predict([padded] * 5)) == 5
    assert [len(batch) for batch in transport.batches] == [2, 2, 1]
