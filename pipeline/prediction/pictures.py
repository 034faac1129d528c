"""Files and folders of pictures -> predictions, in batches that bound the memory."""

import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from pipeline.prediction.predictor import PictureError, Prediction, Predictor
from schema.errors import DataError

PICTURE_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
_READABLE_FORMATS = ("BMP", "GIF", "JPEG", "MPO", "PNG")  # MPO: a JPEG with further ones behind it
_MAX_BATCH_PICTURES = 64
# A pixel takes about 30 bytes while it is decoded.
_MAX_BATCH_PIXELS = 20_000_000
_MAX_PIXELS = 100_000_000
_MAX_FILE_BYTES = 200_000_000


@dataclass
class _Batch:
    names: list[str] = field(default_factory=list)
    files: list[bytes] = field(default_factory=list)
    pixel_count: int = 0


def in_one_line(name: str) -> str:
    """A file name for a line of text: line breaks, controls and undecodable bytes escaped."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in name)


def list_pictures(given: Sequence[str]) -> list[str]:
    """Paths of the pictures: files as given, of a folder those below it by their suffix, in order of their paths.

    Raises:
        DataError: there is no such file, or no picture in a folder.
    """
    return [name for each in given for name in ([each] if not Path(each).is_dir() else _list_folder(each))]


def _list_folder(folder: str) -> list[str]:
    found = [
        os.path.join(parent, name)
        for parent, _, names in os.walk(folder)
        for name in names
        if name.lower().endswith(PICTURE_SUFFIXES) and not name.startswith(".")
    ]
    if not found:
        suffixes = ", ".join(PICTURE_SUFFIXES)
        raise DataError(f"{in_one_line(folder)}: no picture in this folder; give files that end in {suffixes}")
    return sorted(found)


def predict_pictures(predictor: Predictor, names: Sequence[str]) -> Iterator[tuple[str, Prediction]]:
    """Yield each picture with its answer, in the given order; files are read when their batch comes.

    Raises:
        DataError: a file can't be read or is no picture.
    """
    for batch in _read_batches(names):
        try:
            predictions = predictor.predict_images(batch.files)
        except PictureError:
            raise _find_broken(predictor, batch) from None
        yield from zip(batch.names, predictions, strict=True)


def _read_batches(names: Sequence[str]) -> Iterator[_Batch]:
    batch = _Batch()
    for name in names:
        content = _read_file(name)
        pixel_count = _measure(name, content)
        is_full = len(batch.files) == _MAX_BATCH_PICTURES or batch.pixel_count + pixel_count > _MAX_BATCH_PIXELS
        if batch.files and is_full:
            yield batch
            batch = _Batch()
        batch.names.append(name)
        batch.files.append(content)
        batch.pixel_count += pixel_count
    if batch.files:
        yield batch


def _read_file(name: str) -> bytes:
    path = Path(name)
    try:
        if path.exists() and not path.is_file():
            raise DataError(f"{in_one_line(name)}: is no regular file; give a picture")
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise DataError(f"{in_one_line(name)}: larger than {_MAX_FILE_BYTES:,} bytes; give a smaller picture")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{in_one_line(name)}: can't be read: {reason}; give a PNG or JPEG file") from None


def _measure(name: str, content: bytes) -> int:
    """Number of pixels, by the header alone."""
    try:
        with Image.open(io.BytesIO(content)) as picture:
            form, pixel_count = picture.format, picture.width * picture.height
    except Image.DecompressionBombError:
        form, pixel_count = "", _MAX_PIXELS + 1
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        raise DataError(f"{in_one_line(name)}: is no picture; give a PNG or JPEG file") from None
    if pixel_count > _MAX_PIXELS:
        raise DataError(f"{in_one_line(name)}: more than {_MAX_PIXELS:,} pixels; scale it down")
    if form not in _READABLE_FORMATS:
        raise DataError(f"{in_one_line(name)}: a {form} picture can't be read; save it as PNG or JPEG")
    return pixel_count


def _find_broken(predictor: Predictor, batch: _Batch) -> DataError:
    for name, content in zip(batch.names, batch.files, strict=True):
        try:
            predictor.predict_images([content])
        except PictureError:
            return DataError(f"{in_one_line(name)}: is damaged or ends early; replace it, or leave it out")
    return DataError(f"{in_one_line(batch.names[0])}: it or one of the next pictures can't be decoded; replace it")
