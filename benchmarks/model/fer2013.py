"""FER2013, as Kaggle serves it: the public test, and the strict training rows with the split that ranks recipes."""

import hashlib
import lzma
import os
from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from components.face_example_gen.settling import Candidate, settle, split_by_digest
from configs.spec import DataConfig
from fer_tfx.contract import (
    DEFAULT_CLASS_NAMES,
    EVAL_SPLIT,
    IMAGE_SIZE_PX,
    LABEL_KEY,
    LABELLED_SPLITS,
    TRAIN_SPLIT,
    UNLABELLED_SPLIT,
)
from fer_tfx.errors import DataError
from fer_tfx.reading.csv_form import CSV
from fer_tfx.reading.form import ParsedRow, ReadingLimits, RejectedRow
from fer_tfx.reading.vote_file import read_votes
from fer_tfx.reading.votes import interpret_columns, tally
from fer_tfx.reading.words import ClassTable

TRAIN_FILE = "train.csv.xz"
TEST_FILE = "test.csv.xz"
LABELS_FILE = "public_test_labels.csv"
_LABELS = {str(index) for index in range(len(DEFAULT_CLASS_NAMES))}
SCORED_FRACTION = 0.3  # of FER2013 8,000 rows, on which accuracy has a standard error of half a point


class Pictures(NamedTuple):
    """Labelled rows: pictures (n, 48, 48), and classes (n,), 0-6."""

    pixels: npt.NDArray[np.uint8]
    class_indices: npt.NDArray[np.int64]

    def select(self, chosen: npt.NDArray[np.bool_] | slice) -> "Pictures":
        return Pictures(self.pixels[chosen], self.class_indices[chosen])


class PublicTest(NamedTuple):
    """`Pictures` that nobody trains on."""

    pixels: npt.NDArray[np.uint8]
    class_indices: npt.NDArray[np.int64]
    is_clean: npt.NDArray[np.bool_]  # (n,), whether the training file doesn't hold the very same picture


def read_strict_rows(folder: Path) -> tuple[Pictures, list[bytes]]:
    """The rows of `train.csv.xz` that FerExampleGen keeps, neither repeats nor in `test.csv.xz`, in the order of their
    pictures' SHA-256, and these digests. No label of a test row is read."""
    files = ((TRAIN_FILE, TRAIN_SPLIT), (TEST_FILE, UNLABELLED_SPLIT))
    candidates = sorted(each for name, split in files for each in iter_candidates(folder / name, split))
    settled = (each for _, copies in groupby(candidates, attrgetter("digest")) for each in settle(copies))
    kept = [each for each, drop_reason in settled if not drop_reason and each.split == TRAIN_SPLIT]
    if not kept:
        raise DataError(f"{folder / TRAIN_FILE}: each of its pictures is also in {TEST_FILE}; give the right files")
    class_indices = np.array([each.class_index for each in kept], np.int64)
    return Pictures(_stack([each.pixels for each in kept]), class_indices), [each.digest for each in kept]


def iter_candidates(path: Path, split: str) -> Iterator[Candidate]:
    for row in _iter_rows(path):
        class_index = row.face.class_index
        if class_index is None and split == TRAIN_SPLIT:
            raise DataError(f"{path}, line {row.line}: no label; give the competition's file unchanged")
        digest = hashlib.sha256(row.face.pixels).digest()
        yield Candidate(digest, row.source, row.row, split, class_index, row.face.pixels)


def read_public_test(folder: Path) -> PublicTest:
    """The first rows of `test.csv.xz`, as many as `public_test_labels.csv` has labels: no row of the private test."""
    class_indices = _read_labels(folder / LABELS_FILE)
    pictures = [row.face.pixels for row in islice(_iter_rows(folder / TEST_FILE), len(class_indices))]
    if len(pictures) < len(class_indices):
        found = f"{len(pictures)} rows for the {len(class_indices)} labels of {LABELS_FILE}"
        raise DataError(f"{folder / TEST_FILE}: {found}; give the whole file")
    trained = {row.face.pixels for row in _iter_rows(folder / TRAIN_FILE)}
    return PublicTest(_stack(pictures), class_indices, np.array([picture not in trained for picture in pictures]))


def label_by_votes(test: PublicTest, votes: Path, class_names: Sequence[str]) -> PublicTest:
    """The rows with a majority for one of the classes, by the PublicTest rows of FER+'s `votes` in their order."""
    try:
        with votes.open("rb") as stream:
            table = read_votes(stream, votes.name, ReadingLimits())
    except OSError as error:
        raise DataError(f"{votes}: can't be read: {error.strerror}; give FER+'s fer2013new.csv") from None
    counts = table.counts[np.frombuffer(table.splits, np.uint8) == LABELLED_SPLITS.index(EVAL_SPLIT)]
    if len(counts) != len(test.class_indices):
        raise DataError(f"{votes}: {len(counts)} rows of PublicTest, expected {len(test.class_indices)}")
    meanings = interpret_columns(ClassTable.build(class_names, {}))
    tallies = [tally(tuple(each), meanings, len(class_names)) for each in counts.tolist()]
    has_label = np.array([not each.doubt for each in tallies])
    class_indices = np.array([each.class_index for each in tallies if not each.doubt], np.int64)
    return PublicTest(test.pixels[has_label], class_indices, test.is_clean[has_label])


def _stack(pictures: list[bytes]) -> npt.NDArray[np.uint8]:
    return np.frombuffer(b"".join(pictures), np.uint8).reshape(-1, IMAGE_SIZE_PX, IMAGE_SIZE_PX)


def _read_labels(path: Path) -> npt.NDArray[np.int64]:
    try:
        lines = path.read_text("utf-8", errors="replace").split()
    except OSError as error:
        raise _unreadable(path, error) from None
    if lines[:1] != [LABEL_KEY] or len(lines) == 1:
        raise DataError(f"{path}: expected a line `{LABEL_KEY}`, then one label a line; give the competition's file")
    for number, line in enumerate(lines[1:], start=2):
        if line not in _LABELS:
            raise DataError(
                f"{path}, line {number}: expected a label from 0 to {len(DEFAULT_CLASS_NAMES) - 1}, found {line!r}"
            )
    return np.array(lines[1:], np.int64)


def _iter_rows(path: Path) -> Iterator[ParsedRow]:
    try:
        with lzma.open(path) as stream:
            for row in CSV.read(
                cast(BinaryIO, stream), path.name, ReadingLimits(), ClassTable.build(DEFAULT_CLASS_NAMES, {})
            ):
                if isinstance(row, RejectedRow):
                    raise DataError(f"{path}, line {row.line}: {row.detail}; give the competition's file unchanged")
                if isinstance(row, ParsedRow):
                    yield row
    except (OSError, lzma.LZMAError, EOFError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> DataError:
    reason, files = getattr(error, "strerror", None) or error, f"{TRAIN_FILE}, {TEST_FILE} and {LABELS_FILE}"
    return DataError(f"{path}: can't be read: {reason}; give --data a folder that holds {files}")


def choose_scored(digests: Sequence[bytes]) -> npt.NDArray[np.bool_]:
    """(n,), whether recipes are judged by a row instead of trained on it, by its picture's SHA-256 alone."""
    config = DataConfig(eval_fraction=SCORED_FRACTION)
    is_scored = np.array([split_by_digest(digest, config) != TRAIN_SPLIT for digest in digests])
    if len(set(is_scored.tolist())) < 2:
        count = len(is_scored)
        raise DataError(f"{TRAIN_FILE}: {count} different pictures are too few to train on some, judge by others")
    return is_scored


def read_ranking_rows(data: Path, state: Path) -> tuple[Pictures, npt.NDArray[np.bool_]]:
    """The strict rows and `choose_scored` of them, or what an earlier call kept of the same files in `state`."""
    digest = hashlib.sha256(repr(SCORED_FRACTION).encode())
    for path in (data / TRAIN_FILE, data / TEST_FILE):
        try:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        except OSError as error:
            raise _unreadable(path, error) from None
    kept = state / f"rows-{digest.hexdigest()[:16]}.npz"
    if not kept.exists():
        pictures, digests = read_strict_rows(data)
        write_arrays(kept, **pictures._asdict(), is_scored=choose_scored(digests))
    with np.load(kept) as arrays:
        return Pictures(arrays["pixels"], arrays["class_indices"]), arrays["is_scored"]


def write_arrays(path: Path, **arrays: npt.NDArray[np.generic]) -> None:
    """Write an npz file that is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with partial.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    partial.replace(path)
