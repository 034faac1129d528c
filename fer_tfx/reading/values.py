"""What a table says of a picture, as text or numbers -> class, split and pixels, or the reason why not."""

import base64
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain

import numpy as np

from fer_tfx.contract import EVAL_SPLIT, PIXEL_COUNT, PIXELS_KEY, TEST_SPLIT, TRAIN_SPLIT
from fer_tfx.counted import counted
from fer_tfx.reading.columns import RowError, RowLayout
from fer_tfx.reading.form import FaceRow, shown
from fer_tfx.reading.picture_form import UNREADABLE, decode_content, find_split_of_folder
from fer_tfx.reading.votes import VOTE_COLUMNS, Votes
from fer_tfx.reading.words import BY_LABEL, ClassTable, LeftOut, find_labelling, find_split

# Reasons to reject a row: short and few, to be counted.
WRONG_PIXEL_COUNT = "wrong number of pixels"
EMPTY_PIXELS = "empty pixels"
PIXEL_NOT_INTEGER = "pixel is not an integer"
PIXEL_OUT_OF_RANGE = "pixel out of 0-255"
UNKNOWN_LABEL = "unknown label"
UNKNOWN_USAGE = "unknown usage"
UNDECODABLE_BYTES = "undecodable bytes"
NO_PATH = "no path of a picture"
NO_VOTES = "not a number of votes"

_BLANK = (b"", b"nan", b"na", b"null", b"none")  # as tools write a label that lacks
_NUMBERS_AND_SPACE = b"0123456789 \t"
_BRACKETS_TO_SPACE = bytes.maketrans(b"[]()\t", b"     ")
_NUMBER_OF_VOTES = re.compile(rb"[ \t]*\d{1,4}(\.0*)?[ \t]*")
_NUMBERS = re.compile(r"[\s\[(]*(?:\d{1,3}[\s,]+){20}")
_WHOLE_FRACTION = re.compile(rb"(?<=[0-9])\.0*(?![^ \t])")


def make_face(
    layout: RowLayout,
    classes: ClassTable | None,
    cells: Sequence[object],
    default_split: str | None = None,
    max_side_px: int | None = None,
) -> FaceRow | LeftOut:
    """A row of the cells that `layout` places: bytes of text, or what JSON and Parquet have.

    Of numbers and text the text counts. A held-out row may have no label, as where a competition keeps it. Where no
    column names the split, that of the picture's path counts, else `default_split`. Raises RowError, with the pixels if
    only the words beside them are wrong; also for a picture of which a side is longer than `max_side_px`.
    """
    try:
        words = _read_words(layout, classes, cells, default_split)
    except RowError as error:
        if layout.path is None:
            with suppress(RowError):
                error.pixels = _read_pixels(layout, cells)
        raise
    if isinstance(words, LeftOut):
        return words
    class_index, split, votes = words
    if layout.path is not None:
        face = _face_of_picture(layout, cells[layout.path], class_index, split or default_split, max_side_px)
        face = replace(face, is_split_by_path=bool(face.path and layout.usage is None and classes))
        return replace(face, votes=votes) if votes else face
    return FaceRow(class_index, _read_pixels(layout, cells), split or default_split, votes=votes)


def _read_words(
    layout: RowLayout, classes: ClassTable | None, cells: Sequence[object], default_split: str | None
) -> tuple[int | None, str | None, Votes] | LeftOut:
    """Class, split and votes."""
    usage = None if layout.usage is None else to_text(cells[layout.usage])
    split = None if usage is None else find_split(usage)
    class_index = None
    is_of_train = (split or default_split) == TRAIN_SPLIT
    if classes and (layout.emotion is not None or (is_of_train and find_labelling(classes) == BY_LABEL)):
        label = b"" if layout.emotion is None else to_text(cells[layout.emotion])  # a line of JSON may lack the key
        meaning = classes.find(label)
        if isinstance(meaning, LeftOut):
            return meaning
        if meaning is None and (label.strip().lower() not in _BLANK or split not in (EVAL_SPLIT, TEST_SPLIT)):
            expected = f"an integer 0-{len(classes.names) - 1} or the name of a class"
            raise value_error(UNKNOWN_LABEL, layout.label_name, label, expected)
        class_index = meaning
    if usage is not None and split is None:
        expected = "Training, PublicTest, PrivateTest, train, val or test"
        raise value_error(UNKNOWN_USAGE, layout.usage_name, usage, expected)
    return class_index, split, parse_votes([to_text(cells[place]) for place in layout.votes])


def _read_pixels(layout: RowLayout, cells: Sequence[object]) -> bytes:
    if layout.pixels is None:
        return pixels_of([cells[place] for place in layout.pixel_columns])
    return pixels_of(cells[layout.pixels])


def _face_of_picture(
    layout: RowLayout, cell: object, class_index: int | None, split: str | None, max_side_px: int | None
) -> FaceRow:
    """`cell`: the path of a picture, the bytes of its file, or both as Hugging Face's datasets have them, or pixels."""
    if isinstance(cell, list):
        return FaceRow(class_index, pixels_of(cell), split)
    content, path = (cell.get("bytes"), cell.get("path")) if isinstance(cell, dict) else (None, cell)
    content = path if isinstance(path, bytes) else content
    if isinstance(content, str):  # as JSON has bytes
        try:
            content = base64.b64decode(content)
        except ValueError:
            raise value_error(UNREADABLE, layout.path_name, to_text(content), "bytes in base64") from None
    if isinstance(content, bytes):
        return FaceRow(class_index, decode_content(content, max_side_px), split)
    if not isinstance(path, str) or not path.strip():
        raise value_error(NO_PATH, layout.path_name, to_text(cell), "the path of a picture")
    if _NUMBERS.match(path):
        expected = f"the path of a picture; call a column of numbers `{PIXELS_KEY}`"
        raise value_error(NO_PATH, layout.path_name, to_text(path), expected)
    return FaceRow(class_index, b"", split, path.strip())


def parse_votes(cells: Sequence[bytes]) -> Votes:
    """Numbers of votes in the order of `VOTE_COLUMNS`; none of no cells. Raises RowError."""
    for column, cell in zip(VOTE_COLUMNS, cells, strict=False):
        if not _NUMBER_OF_VOTES.fullmatch(cell):
            raise value_error(NO_VOTES, column, cell, "a number of votes")
    return tuple(int(float(cell)) for cell in cells)


def find_split_of_file(name: str, classes: ClassTable | None) -> str | None:
    """The split that the name of a shard tells, `train-00000-of-00003.parquet` or `test/0000.parquet`; None: no one."""
    if classes is None:
        return None
    folder, _, base = name.rpartition("/")
    return find_split(base.encode("utf-8", "surrogateescape")) or find_split_of_folder(folder)


def to_text(cell: object) -> bytes:
    """What a cell says, in one form whichever file it stood in."""
    if isinstance(cell, bytes):
        return cell
    return b"" if cell is None else str(cell).encode("utf-8", "surrogatepass")


def pixels_of(cell: object) -> bytes:
    """2,304 numbers, as text or in a list or a list of lists, as uint8. Raises RowError."""
    if not isinstance(cell, list):
        return parse_pixels(to_text(cell))
    is_nested = bool(cell) and all(isinstance(each, list) for each in cell)
    numbers = list(chain.from_iterable(cell)) if is_nested else cell
    with suppress(TypeError, ValueError):  # of other things than integers from 0 to 255
        if len(numbers) == PIXEL_COUNT:
            return bytes(numbers)
    return parse_pixels(b",".join(map(to_text, numbers)))


def parse_pixels(field: bytes) -> bytes:
    """Decode 2,304 numbers between runs of spaces or tabs; `np.fromstring` takes 38 us, `split()` and `int` 159."""
    if field.translate(None, _NUMBERS_AND_SPACE):
        field = _flatten(field)
    if not field.translate(None, _NUMBERS_AND_SPACE):
        numbers = np.fromstring(field, dtype=np.int64, sep=" ")
        if numbers.size == PIXEL_COUNT and numbers.max() <= 255:  # a number past int64 is cut to its largest
            return numbers.astype(np.uint8).tobytes()
    raise _pixels_error(field)


def _flatten(field: bytes) -> bytes:
    """`[70, 80]`, `70,80` and `70.0 80.` -> `70 80`; commas with nothing between them stay, to be refused."""
    text = field.translate(_BRACKETS_TO_SPACE)
    spaced = text if b",," in b",%b," % text.replace(b" ", b"") else text.replace(b",", b" ")
    return _WHOLE_FRACTION.sub(b"", spaced)


def _pixels_error(field: bytes) -> RowError:
    text = field.replace(b"\t", b" ")
    tokens = text.replace(b" ", b"").split(b",") if b"," in text else [each for each in text.split(b" ") if each]
    if not tokens:
        return value_error(EMPTY_PIXELS, PIXELS_KEY, field, f"{PIXEL_COUNT:,} integers 0-255")
    for position, token in enumerate(tokens):
        if reason := _reason_against_pixel(token):
            scaled = ", not scaled to 0-1" if re.match(rb"[01]?\.[0-9]", token) else ""
            return value_error(reason, f"{PIXELS_KEY}[{position}]", token, f"an integer 0-255{scaled}")
    return RowError(
        WRONG_PIXEL_COUNT, f"column `{PIXELS_KEY}`: found {counted(len(tokens), 'integer')}, expected {PIXEL_COUNT:,}"
    )


def _reason_against_pixel(token: bytes) -> str | None:
    if not token.isdigit():  # of bytes: ASCII digits only
        return PIXEL_OUT_OF_RANGE if re.fullmatch(rb"-0*[1-9][0-9]*", token) else PIXEL_NOT_INTEGER
    significant = token.lstrip(b"0")
    is_in_range = len(significant) <= 3 and int(significant or b"0") <= 255
    return None if is_in_range else PIXEL_OUT_OF_RANGE


def value_error(reason: str, column: str, found: bytes, expected: str) -> RowError:
    try:
        found.decode("utf-8")
    except UnicodeDecodeError:
        reason = UNDECODABLE_BYTES
    return RowError(reason, f"column `{column}`: found {shown(found)!r}, expected {expected}")
