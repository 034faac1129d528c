"""What is refused before it is sent: whatever a model would refuse, or might answer without having understood it."""

import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from fer_tfx.contract import IMAGE_SHAPE, MAX_SERVED_PIXELS
from fer_tfx.errors import BadRequestError
from fer_tfx.prediction import Pixels

_FORMATS = ("PNG", "JPEG", "GIF", "BMP")  # that the graph decodes
# What Pillow raises for bytes that aren't what they begin like.
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, struct.error, zlib.error)
_EXPECTED_PIXELS = "expected a uint8 array (n, 48, 48, 1) or (n, 48, 48)"
_EXPECTED_PICTURE = "expected a uint8 array (48, 48, 1) or (48, 48), or the bytes of a PNG or JPEG file"


@dataclass(frozen=True)
class FileLimits:
    """How large a file of a picture may be."""

    max_bytes: int = 10_000_000
    max_pixels: int = MAX_SERVED_PIXELS
    """More the server itself refuses."""


def check_pixels(pixels: Any) -> Pixels:
    """The same pixels as uint8 (n, 48, 48, 1). Raises BadRequestError."""
    if isinstance(pixels, list | tuple) and not pixels:
        return np.zeros((0, *IMAGE_SHAPE), np.uint8)
    if not isinstance(pixels, np.ndarray):
        raise BadRequestError(f"pixels: {_EXPECTED_PIXELS}, got {type(pixels).__name__}")
    if pixels.dtype != np.uint8:
        raise BadRequestError(f"pixels: {_EXPECTED_PIXELS} of grey values 0-255, got {pixels.dtype} {pixels.shape}")
    if pixels.shape[1:] not in {IMAGE_SHAPE, IMAGE_SHAPE[:2]}:
        raise BadRequestError(f"pixels: {_EXPECTED_PIXELS}, got {pixels.dtype} {pixels.shape}; scale it to 48x48")
    return pixels.reshape(-1, *IMAGE_SHAPE)


def check_picture(picture: Any, index: int, limits: FileLimits) -> Pixels | bytes:
    """One picture: pixels as uint8 (48, 48, 1), or a file as it is. Raises BadRequestError that bears `index`."""
    if isinstance(picture, bytes | bytearray | memoryview):
        return _check_file(bytes(picture), index, limits)
    if not isinstance(picture, np.ndarray):
        found = f"{type(picture).__name__} {str(picture)[:80]!r}"
        raise BadRequestError(f"picture {index}: {_EXPECTED_PICTURE}, got {found}; read a file first", index)
    try:
        checked: Pixels = check_pixels(picture[np.newaxis])[0]
    except BadRequestError:
        found = f"{picture.dtype} {picture.shape}"
        raise BadRequestError(f"picture {index}: {_EXPECTED_PICTURE}, got {found}", index) from None
    return checked


def _check_file(file: bytes, index: int, limits: FileLimits) -> bytes:
    if len(file) > limits.max_bytes:
        raise BadRequestError(
            f"picture {index}: a file of {len(file):,} bytes, the most is {limits.max_bytes:,}; scale it down", index
        )
    width, height = _read_size(file, index)
    if width * height > limits.max_pixels:
        raise BadRequestError(
            f"picture {index}: {width}x{height} pixels, the most is {limits.max_pixels:,}; scale it down", index
        )
    return file


def _read_size(file: bytes, index: int) -> tuple[int, int]:
    """By the header alone: Pillow decodes nothing here."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit here is lower
            with Image.open(io.BytesIO(file), formats=_FORMATS) as picture:
                return picture.size
    except Image.DecompressionBombError:
        raise BadRequestError(f"picture {index}: it has far too many pixels; scale it down", index) from None
    except _DAMAGE:
        found = f"{len(file):,} bytes that start with {file[:8]!r}" if file else "no bytes"
        raise BadRequestError(f"picture {index}: expected a PNG or JPEG file, got {found}", index) from None
