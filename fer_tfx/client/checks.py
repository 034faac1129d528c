"""Checks of pictures before they are sent, in windows that bound the memory, and of a server's answers after."""

import io
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fer_tfx import contract
from fer_tfx.contract import IMAGE_SHAPE, MAX_SERVED_PIXELS
from fer_tfx.counted import counted
from fer_tfx.errors import BadAnswerError, BadRequestError, RequestRefusedError, ServingError, shorten
from fer_tfx.prediction import Prediction, build_prediction
from fer_tfx.views import Pixels

_FORMATS = ("PNG", "JPEG", "GIF", "BMP")  # that the graph decodes
_EXPECTED_PIXELS = "expected a uint8 array (n, 48, 48, 1) or (n, 48, 48)"
_EXPECTED_PICTURE = "expected a uint8 array (48, 48, 1) or (48, 48), or the bytes of a PNG or JPEG file"
_MAX_WINDOW_BYTES = 2**24  # 16 MiB of files at once, unless a single one is larger
_SUM_TOLERANCE = 1e-3
_TIE_TOLERANCE = 1e-6  # between float32 and its digits in JSON
_REMEDY = "serve a model that this version of fer-tfx pushed"

Window = dict[int, Pixels | bytes]  # position -> uint8 (48, 48, 1) or a file, in order


@dataclass(frozen=True)
class FileLimits:
    """How large a picture's file may be."""

    max_bytes: int = 10_000_000
    max_pixels: int = MAX_SERVED_PIXELS  # the server itself refuses more


def read_windows(images: Iterable[Any], batch_size: int, limits: FileLimits) -> Iterator[Window]:
    """Checked pictures, as many as one request may hold. Raises BadRequestError when it comes to a bad one."""
    window: Window = {}
    size = 0
    for index, image in enumerate(images):
        picture = _check_picture(image, index, limits)
        byte_count = len(picture) if isinstance(picture, bytes) else picture.nbytes
        if window and (len(window) == batch_size or size + byte_count > _MAX_WINDOW_BYTES):
            yield window
            window, size = {}, 0
        window[index] = picture
        size += byte_count
    if window:
        yield window


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


def _check_picture(picture: Any, index: int, limits: FileLimits) -> Pixels | bytes:
    """One picture: pixels as uint8 (48, 48, 1), or a file as it is. Raises BadRequestError with `index`."""
    if isinstance(picture, bytes | bytearray | memoryview):
        return _check_file(bytes(picture), index, limits)
    if not isinstance(picture, np.ndarray):
        found = f"{type(picture).__name__} {str(picture)[:80]!r}"
        raise BadRequestError(f"{_EXPECTED_PICTURE}, got {found}; read a file first", index)
    try:
        checked: Pixels = check_pixels(picture[np.newaxis])[0]
    except BadRequestError:
        raise BadRequestError(f"{_EXPECTED_PICTURE}, got {picture.dtype} {picture.shape}", index) from None
    return checked


def _check_file(file: bytes, index: int, limits: FileLimits) -> bytes:
    if len(file) > limits.max_bytes:
        raise BadRequestError(f"a file of {len(file):,} bytes, the most is {limits.max_bytes:,}; scale it down", index)
    width, height = _read_size(file, index)
    if width * height > limits.max_pixels:
        raise BadRequestError(f"{width}x{height} pixels, the most is {limits.max_pixels:,}; scale it down", index)
    return file


def _read_size(file: bytes, index: int) -> tuple[int, int]:
    """By the header alone: Pillow decodes nothing here."""
    from PIL import Image

    from fer_tfx.pictures import DAMAGE

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit here is lower
            with Image.open(io.BytesIO(file), formats=_FORMATS) as picture:
                return picture.size
    except Image.DecompressionBombError:
        raise BadRequestError("it has far too many pixels; scale it down", index) from None
    except DAMAGE:
        found = f"{counted(len(file), 'byte')} starting with {file[:8]!r}" if file else "no bytes"
        raise BadRequestError(f"expected a PNG or JPEG file, got {found}", index) from None


def find_broken(ask: Callable[[list[bytes]], object], files: Sequence[bytes]) -> int | None:
    """Position of the first broken file of a refused batch, by halving.

    None if a sound picture is refused too, or the server stops answering: then no file is to blame.
    """
    from PIL import Image

    def is_refused(some: Sequence[bytes]) -> bool:
        try:
            ask(list(some))
        except RequestRefusedError as error:
            if not error.is_invalid_argument:
                raise
            return True
        return False

    sound = io.BytesIO()
    Image.new("L", (1, 1)).save(sound, "PNG")
    with suppress(ServingError):
        if is_refused([sound.getvalue()]):
            return None
        low, high = 0, len(files)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if is_refused(files[low:middle]) else (middle, high)
        return low if is_refused(files[low:high]) else None
    return None


def read_predictions(outputs: Mapping[str, Any], positions: Sequence[int], where: str) -> list[Prediction]:
    """Answers for the pictures at these positions, in order, from outputs by name: arrays or nested lists.

    Raises BadAnswerError if an output is missing or of another shape or type, or if a picture's outputs can't be right.
    """
    missing = [name for name in contract.OUTPUT_KEYS if name not in outputs]
    if set(missing) <= {contract.ABSTAIN_KEY, contract.CLASS_NAMES_KEY} and missing:
        raise BadAnswerError(f"{where}: the model doesn't tell `{missing[0]}`, so it is older; {_REMEDY}")
    if missing:
        found = shorten(", ".join(sorted(outputs))) or "none"
        raise BadAnswerError(f"{where}: the answer lacks {', '.join(missing)}, it has {found}; {_REMEDY}")
    count = len(positions)
    probabilities = _read_column(outputs, contract.PROBABILITIES_KEY, "iuf", (count, None), where)
    class_names = _read_texts(outputs, contract.CLASS_NAMES_KEY, probabilities.shape, where)
    if any(len(set(row)) < len(row) for row in class_names):
        raise BadAnswerError(f"{where}: {contract.CLASS_NAMES_KEY}: expected names that differ; {_REMEDY}")
    class_index = _read_column(outputs, contract.CLASS_INDEX_KEY, "iu", (count,), where)
    confidence = _read_column(outputs, contract.CONFIDENCE_KEY, "iuf", (count,), where)
    abstain = _read_column(outputs, contract.ABSTAIN_KEY, "b", (count,), where)
    names = [name for (name,) in _read_texts(outputs, contract.CLASS_NAME_KEY, (count, 1), where)]
    for row, position in enumerate(positions):
        answer = probabilities[row], int(class_index[row]), float(confidence[row])
        if problem := _find_problem(class_names[row], names[row], *answer):
            raise BadAnswerError(f"{where}, picture {position}: {problem}; {_REMEDY}")
    columns = (class_index.tolist(), confidence.tolist(), probabilities.tolist(), abstain.tolist())
    return [
        build_prediction(names, index, float(top), [*map(float, shares)], abstains)
        for names, index, top, shares, abstains in zip(class_names, *columns, strict=True)
    ]


def _read_texts(outputs: Mapping[str, Any], name: str, shape: tuple[int, ...], where: str) -> list[list[str]]:
    column = _read_column(outputs, name, "OSU", shape, where)
    return [
        [each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each) for each in row] for row in column
    ]


def _read_column(
    outputs: Mapping[str, Any], name: str, kinds: str, shape: tuple[int | None, ...], where: str
) -> npt.NDArray[Any]:
    """One output as an array of this shape, of any length where it is None, and of one of NumPy's kinds."""
    try:
        column = np.asarray(outputs[name])
    except (OverflowError, ValueError):  # lists of unequal lengths
        raise BadAnswerError(f"{where}: {name} is no array; {_REMEDY}") from None
    is_fit = len(column.shape) == len(shape) and all(
        length in (None, found) for length, found in zip(shape, column.shape, strict=True)
    )
    if not is_fit or column.dtype.kind not in kinds:
        expected = str(shape).replace("None", "classes")
        found = f"{column.dtype} {column.shape}"
        raise BadAnswerError(f"{where}: {name}: expected the shape {expected}, got {found}; {_REMEDY}")
    return column


def _find_problem(
    class_names: Sequence[str], name: str, shares: npt.NDArray[Any], class_index: int, confidence: float
) -> str:
    """What can't be right in one picture's outputs; empty if nothing is."""
    if not -_TIE_TOLERANCE <= shares.min() <= shares.max() <= 1 + _SUM_TOLERANCE:  # so too if one is NaN
        return f"probabilities: expected numbers from 0 to 1, got {shares.tolist()}"
    if abs(shares.sum() - 1) > _SUM_TOLERANCE:
        return f"probabilities: expected the sum 1, got {shares.sum():.4f}"
    if not 0 <= class_index < len(shares) or shares[class_index] < shares.max() - _TIE_TOLERANCE:
        return f"class_index: expected {shares.argmax()}, where the largest probability stands, got {class_index}"
    if name != class_names[class_index]:
        expected = f"{shorten(class_names[class_index], 40)}, the class {class_index}"
        return f"class_name: expected {expected}, got {shorten(name, 40)}; its order differs"
    if not abs(confidence - shares.max()) <= _SUM_TOLERANCE:
        return f"confidence: expected the largest probability, {shares.max():.4f}, got {confidence:.4f}"
    return ""
