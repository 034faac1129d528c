"""Pictures in any form -> pixels as a model takes them: one decoding for every back end, by Pillow."""

import io
import os
import struct
import sys
import warnings
import zlib
from contextlib import suppress
from inspect import iscoroutine
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps

from fer_tfx.contract import IMAGE_SHAPE, IMAGE_SIZE_PX, MAX_LOCAL_PIXELS
from fer_tfx.errors import DataError, in_one_line
from fer_tfx.files import unreadable
from fer_tfx.views import Pixels

PictureLike: TypeAlias = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Image.Image | npt.NDArray[np.uint8]
)
"""A picture: a path, the bytes of a file, a file open for reading bytes, a Pillow picture, or an array of 0 to 255."""
EXPECTED = "a path, bytes, a file open for reading bytes, a Pillow picture or a NumPy array"
MAX_FILE_BYTES = 200_000_000
PIPE = "is a pipe or device; give the file, or its content as standard input"
UNREADABLE_FORMATS = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"}
"""Of those that Pillow recognises: for EPS it runs another program, the rest are none to it."""
_PNG = b"\x89PNG\r\n\x1a\n"
_TEXT_CHUNKS = {b"tEXt", b"zTXt", b"iTXt", b"iCCP"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_HEIC_SUFFIXES = {".heic", ".heif", ".hif"}
_OTHER_STARTS = {b"%PDF": "PDF", b"<svg": "SVG", b"<?xml": "SVG or XML", b"\xff\x0a": "JPEG XL",
                 b"\0\0\0\x0cJXL ": "JPEG XL", b"<!DOCTYPE": "a web page", b"<html": "a web page"}  # fmt: skip
# Luma of ITU-R BT.601. They sum to 1, so grey stays as it is.
_LUMA_WEIGHTS = (0.299, 0.587, 0.114)
# Where a picture may note that it is to be turned.
_NOTES = {"exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp"}
# What Pillow raises for bytes that aren't what their header says: its plugins don't agree on one error.
DAMAGE = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, OSError, RuntimeError, SyntaxError,
    TypeError, ValueError, struct.error, zlib.error,
)  # fmt: skip
# Tags of TIFF, and values of them.
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0
_SAMPLE_FORMAT, _SIGNED = 339, 2
_FORMATS_OF_16_BITS = {"PNG", "PPM"}
"""Whose greys may come in Pillow's mode I although they have 16 bits."""


def list_picture_suffixes() -> set[str]:
    """In lower case, such as `.jpg`: how the names of readable pictures end."""
    Image.preinit()  # the usual formats first: `open` tries all in the order of their arrival
    Image.init()
    readable = {each for each in Image.OPEN if each not in UNREADABLE_FORMATS}
    return {each for each, form in Image.registered_extensions().items() if form in readable} | _HEIC_SUFFIXES


def read_picture_file(name: str) -> bytes:
    """The content of a picture file.

    Raises DataError: it isn't there, can't be read, is no regular file, or is larger than MAX_FILE_BYTES.
    """
    path = Path(name)
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise DataError(f"{in_one_line(name)}: {PIPE}")
        with path.open("rb") as file:
            return read_bounded(file, name)
    except (OSError, ValueError) as error:
        raise unreadable(name, error) from None


def read_bounded(stream: BinaryIO, name: str) -> bytes:
    """The rest of a stream. Raises DataError if it is larger than MAX_FILE_BYTES, of a file before it is read, or if it
    gives anything but bytes."""
    size = 0
    with suppress(OSError, AttributeError):  # no file
        size = os.fstat(stream.fileno()).st_size
    chunks, length, wanted = list[bytes](), 0, size + 1  # which takes no room for more, as it would for the most
    while max(size, length) <= MAX_FILE_BYTES:
        chunk: object = stream.read(wanted)  # of a pipe without a buffer, only what is there
        if not isinstance(chunk, bytes):
            raise DataError(f"{in_one_line(name)}: {_tell_wrong_stream(chunk)}")
        if not chunk:
            return b"".join(chunks)
        chunks.append(chunk)
        length += len(chunk)
        wanted = size + 1 - length if length <= size else MAX_FILE_BYTES + 1 - length
    raise DataError(f"{in_one_line(name)}: larger than {MAX_FILE_BYTES:,} bytes; give a smaller picture")


def _tell_wrong_stream(given: object) -> str:
    if isinstance(given, str):
        return "is open for reading text; open the file by open(path, 'rb')"
    if iscoroutine(given):
        given.close()  # or Python warns that nobody awaited it
        return "is read asynchronously; give the bytes, by `await file.read()`"
    return f"its read() gave {type(given).__name__} instead of bytes; give the bytes themselves"


def is_picture(given: object) -> bool:
    """Whether this is one picture, good or bad, rather than several."""
    kinds = (str, os.PathLike, bytes, bytearray, memoryview, Image.Image, np.ndarray)
    return isinstance(given, kinds) or hasattr(given, "read")


def find_name(picture: object) -> str | None:
    """What people call a picture: its path, or the name of its file; None: it has none."""
    if isinstance(picture, str | os.PathLike):
        return str(os.fspath(picture))
    name = getattr(picture, "filename", None) or getattr(picture, "name", None)
    return name if isinstance(name, str) and name else None


def open_picture(picture: PictureLike, name: str) -> Image.Image:
    """Any picture, decoded and upright. Raises DataError as `open_upright`, or for what is no picture; see
    `PictureLike`."""
    if isinstance(picture, str | os.PathLike):
        return open_upright(read_picture_file(str(os.fspath(picture))), name)
    if isinstance(picture, bytes | bytearray | memoryview):
        return open_upright(bytes(picture), name)
    if isinstance(picture, Image.Image):
        return _load_upright(_bound(picture, name), name, is_own=False)
    if isinstance(picture, np.ndarray):
        return _from_array(picture, name)
    if hasattr(picture, "read"):
        return open_upright(_read_open_file(picture, name), name)
    raise DataError(f"{in_one_line(name)}: expected {EXPECTED}, got {type(picture).__name__}")


def _read_open_file(file: BinaryIO, name: str) -> bytes:
    try:
        content = read_bounded(file, name)
    except (OSError, TypeError, ValueError) as error:  # such as a text that is no UTF-8, or a read() without a size
        raise DataError(f"{in_one_line(name)}: can't be read: {error}; open the file by open(path, 'rb')") from None
    if not content:
        with suppress(AttributeError, OSError, ValueError):  # such as of a pipe, which has no place
            if place := file.tell():
                found = f"was read up to its end, byte {place:,}"
                raise DataError(f"{in_one_line(name)}: {found}; go back to its start by seek(0)")
    return content


def _from_array(array: npt.NDArray[Any], name: str) -> Image.Image:
    is_shaped = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in {1, 3, 4})
    if not is_shaped or array.size == 0 or array.dtype != np.uint8:
        expected = "expected uint8 (h, w), (h, w, 1), (h, w, 3) RGB or (h, w, 4) RGBA"
        is_many = array.dtype.kind in "OSU" or (array.dtype == np.uint8 and array.ndim > 2)
        remedy = "give several as list(array)" if is_many else "scale it to 0-255 and convert it by .astype('uint8')"
        raise DataError(f"{in_one_line(name)}: {expected}, got {array.dtype} {array.shape}; {remedy}")
    return _bound(Image.fromarray(array[..., 0] if array.shape[2:] == (1,) else array), name)


def open_upright(content: bytes, name: str) -> Image.Image:
    """Decode a picture, of an animation or a file of several pages the first, and turn it upright by its EXIF note.

    Raises DataError, which calls it by `name`: no picture, of a format or numbers that can't be read, of more than
    MAX_LOCAL_PIXELS, or damaged.
    """
    try:
        return _decode(content, name)
    except DataError:
        if (stripped := _strip_texts(content)) == content:
            raise
        return _decode(stripped, name)


def _decode(content: bytes, name: str) -> Image.Image:
    picture: Image.Image | None = None
    if _is_heic(content):
        with suppress(ImportError):
            import pillow_heif

            pillow_heif.register_heif_opener()
    try:
        with warnings.catch_warnings(), suppress(Image.DecompressionBombError):  # from 179 megapixels on
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # from 89 on; the bound here is 100
            picture = Image.open(io.BytesIO(content))
    except DAMAGE:
        raise DataError(f"{in_one_line(name)}: {_explain(content)}") from None
    picture = _bound(picture, name)
    if picture.format in UNREADABLE_FORMATS:
        raise DataError(f"{in_one_line(name)}: {picture.format} can't be read; save it as PNG or JPEG")
    return _load_upright(picture, name)


def _strip_texts(content: bytes) -> bytes:
    """A PNG without texts and colour profiles, of which Pillow refuses those that unpack to a megabyte."""
    parts, start, place = [], 0, len(_PNG)
    while content.startswith(_PNG) and place + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, place)
        if kind in _TEXT_CHUNKS:
            parts.append(content[start:place])
            start = place + 12 + size
        place += 12 + size
    return b"".join([*parts, content[start:]])


def _is_heic(content: bytes) -> bool:
    return content[4:8] == b"ftyp" and content[8:12] in _HEIC_BRANDS


def _explain(content: bytes) -> str:
    """Why Pillow can't open a file, and what to do."""
    if not content:
        return "is empty; give a picture"
    if _is_heic(content):
        needs = "is damaged" if sys.modules.get("pillow_heif") else "needs pillow-heif: `pip install pillow-heif`"
        return f"HEIC {needs}, or save it as PNG or JPEG"
    if content.startswith(b"version https://git-lfs"):
        return "is a pointer of Git LFS, not the picture; run `git lfs pull` where it was cloned"
    found = next((form for start, form in _OTHER_STARTS.items() if content.lstrip().startswith(start)), "")
    return f"{found} can't be read; save it as PNG or JPEG" if found else "is no picture; give a PNG or JPEG file"


def _bound(picture: Image.Image | None, name: str) -> Image.Image:
    """The same picture; None stands for one of far too many pixels."""
    if picture is None or picture.width * picture.height > MAX_LOCAL_PIXELS:
        raise DataError(f"{in_one_line(name)}: more than {MAX_LOCAL_PIXELS:,} pixels; scale it down")
    return picture


def _load_upright(picture: Image.Image, name: str, *, is_own: bool = True) -> Image.Image:
    """The same picture, or another one that is turned unless it is our own."""
    if not (picture.width and picture.height):  # such as what a box without a width cuts out
        raise DataError(f"{_call(picture, name)} has no pixels ({picture.width}x{picture.height}); leave it out")
    try:
        picture.load()
    except DAMAGE:
        file = getattr(picture, "fp", None)
        if not is_own and (file is None or file.closed):
            raise DataError(f"{in_one_line(name)}: is closed; open it again, or give a copy made before") from None
        found = f"{_call(picture, name)} is damaged or ends early"
        raise DataError(f"{found}; replace it, or leave it out") from None
    if picture.mode == "F" or (picture.mode == "I" and picture.format not in _FORMATS_OF_16_BITS):
        found = f"{_call(picture, name)} holds floats or whole numbers of 32 bits, whose white nobody knows"
        raise DataError(f"{found}; save it with 8 or 16 bits a colour")
    tags = getattr(picture, "tag_v2", {})
    is_inverted = picture.mode.startswith("I") and tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO  # of 8 bits Pillow inverts
    if is_inverted or _SIGNED in tags.get(_SAMPLE_FORMAT, ()):
        found = "counts 16 bits from white to black" if is_inverted else "holds numbers below 0"
        raise DataError(f"{_call(picture, name)} {found}; save it with 8 bits a colour")
    if is_own and _NOTES.isdisjoint(picture.info) and not hasattr(picture, "tag_v2"):  # TIFF has its own
        return picture  # as to look for a note takes a tenth of the time
    with suppress(*DAMAGE):  # without a readable note it is upright
        if is_own:
            ImageOps.exif_transpose(picture, in_place=True)
        elif picture.getexif().get(ExifTags.Base.Orientation, 1) != 1:
            return ImageOps.exif_transpose(picture)
    return picture


def _call(picture: Image.Image, name: str) -> str:
    return f"{in_one_line(name)}: this {picture.format or 'picture'}"


def decode_picture(content: bytes, name: str) -> Pixels:
    """The whole picture of a file as uint8 (48, 48, 1), whatever its size and colours. Raises as `open_upright`."""
    return to_pixels(open_upright(content, name))


def to_pixels(picture: Image.Image) -> Pixels:
    """A picture -> uint8 (48, 48, 1): what `models.signatures` does with a file, in the same steps.

    Colours become grey, transparency is dropped, and each side is scaled to 48 px by itself, in float and with
    antialias: Pillow's BILINEAR is the triangle filter of `tf.image.resize`. Only then are values rounded.
    """
    if picture.mode == "L" and picture.size == (IMAGE_SIZE_PX, IMAGE_SIZE_PX):
        # As it would become, for a third of the time.
        return np.frombuffer(picture.tobytes(), np.uint8).reshape(IMAGE_SHAPE).copy()
    if picture.mode == "L" or picture.mode.startswith("I"):
        grey = _shrink(to_grey(picture))
    else:
        # Both steps are linear, so each colour is scaled by itself: 48x48 of them are weighed, not megapixels.
        bands = zip(_LUMA_WEIGHTS, to_rgb(picture).split(), strict=True)
        grey = np.sum([np.float32(weight) * _shrink(band) for weight, band in bands], axis=0)
    pixels: Pixels = np.clip(np.rint(grey), 0, 255).astype(np.uint8).reshape(IMAGE_SHAPE)
    return pixels


def to_grey(picture: Image.Image) -> Image.Image:
    """The same picture in mode L. Of 16 bits the upper eight count; Pillow would cut all above 255 to white."""
    if picture.mode.startswith("I"):
        return Image.fromarray((np.asarray(picture).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    return _simplify(picture).convert("L")


def to_rgb(picture: Image.Image) -> Image.Image:
    """The same picture in mode RGB, its transparency dropped."""
    return (to_grey(picture) if picture.mode.startswith("I") else _simplify(picture)).convert("RGB")


def _simplify(picture: Image.Image) -> Image.Image:
    """In a mode that Pillow converts to grey and colours, without warning of transparent colours in a palette."""
    if picture.mode == "LAB":
        return picture.getchannel("L")
    mode = {"P": "RGBA", "PA": "RGBA", "RGBa": "RGBA", "La": "LA"}.get(picture.mode)
    return picture.convert(mode) if mode else picture


def _shrink(band: Image.Image) -> npt.NDArray[np.float32]:
    """-> (48, 48)"""
    scaled = band.convert("F").resize((IMAGE_SIZE_PX, IMAGE_SIZE_PX), Image.Resampling.BILINEAR)
    return np.asarray(scaled, dtype=np.float32)
