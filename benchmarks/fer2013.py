"""The public test of FER2013, as the Kaggle competition serves it, with the labels that came out later."""

import lzma
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from components.face_example_gen.csv_rows import RejectedRow, iter_rows
from configs.spec import DataConfig
from schema.contract import CLASS_COUNT, IMAGE_SIZE_PX, LABEL_KEY
from schema.errors import DataError

TRAIN_FILE = "train.csv.xz"
TEST_FILE = "test.csv.xz"
LABELS_FILE = "public_test_labels.csv"


class PublicTest(NamedTuple):
    """Pictures that nobody trains on, n of them."""

    pixels: npt.NDArray[np.uint8]
    """(n, 48, 48)"""
    class_indices: npt.NDArray[np.int64]
    """(n,), 0-6"""
    is_clean: npt.NDArray[np.bool_]
    """(n,), whether the very same picture stands nowhere in the training file."""


def read_public_test(folder: Path) -> PublicTest:
    """Read the first rows of `test.csv.xz`, as many as there are labels; the rows of the private test stay unread.

    Args:
        folder: holds `train.csv.xz`, `test.csv.xz` and `public_test_labels.csv`.

    Raises:
        DataError: a file is missing or has a row that can't be read.
    """
    class_indices = _read_labels(folder / LABELS_FILE)
    pictures = list(islice(_iter_pictures(folder / TEST_FILE), len(class_indices)))
    if len(pictures) < len(class_indices):
        raise DataError(
            f"{folder / TEST_FILE}: {len(pictures)} rows for the {len(class_indices)} labels of {LABELS_FILE};"
            " give the whole file"
        )
    trained = set(_iter_pictures(folder / TRAIN_FILE))
    pixels = np.frombuffer(b"".join(pictures), np.uint8).reshape(-1, IMAGE_SIZE_PX, IMAGE_SIZE_PX)
    return PublicTest(pixels, class_indices, np.array([picture not in trained for picture in pictures]))


def _read_labels(path: Path) -> npt.NDArray[np.int64]:
    try:
        header, *lines = path.read_text("utf-8").split()
    except OSError as error:
        raise _unreadable(path, error) from None
    except ValueError:
        header, lines = "", []
    if header != LABEL_KEY or not lines:
        raise DataError(f"{path}: expected a line `{LABEL_KEY}` and then one label a line; give the competition's file")
    for number, line in enumerate(lines, start=2):
        if not (line.isascii() and line.isdigit() and int(line) < CLASS_COUNT):
            raise DataError(f"{path}, line {number}: expected a label from 0 to {CLASS_COUNT - 1}, found {line!r}")
    return np.array(lines, np.int64)


def _iter_pictures(path: Path) -> Iterator[bytes]:
    try:
        with lzma.open(path) as stream:
            for row in iter_rows(cast(BinaryIO, stream), path.name, DataConfig()):
                if isinstance(row, RejectedRow):
                    raise DataError(f"{path}, line {row.line}: {row.detail}; give the competition's file unchanged")
                yield row.face.pixels
    except (OSError, lzma.LZMAError, EOFError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> DataError:
    reason = getattr(error, "strerror", None) or error
    files = f"{TRAIN_FILE}, {TEST_FILE} and {LABELS_FILE}"
    return DataError(f"{path}: can't be read: {reason}; give --data a folder that holds {files}")
