"""Drawn faces -> two CSV files in the forms of FER2013, with repeats and broken rows as the real one has."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fer_tfx.contract import CLASS_COUNT, LABEL_KEY, PIXEL_COUNT, PIXELS_KEY
from schema.drawn_faces.faces import DrawnFaces, draw_faces

HEADER = f"{LABEL_KEY},{PIXELS_KEY},Usage"
_TRAIN, _EVAL, _TEST = "Training", "PublicTest", "PrivateTest"
_SOURCES = ("csv_files.py", "drawing.py", "faces.py", "traits.py")
_GREY_TEXTS = [str(grey) for grey in range(256)]


@dataclass(frozen=True)
class DrawnSummary:
    """Where the files stand and how many rows of each sort they hold, headers not counted."""

    labelled_path: Path
    """`fer2013.csv`, columns `emotion,pixels,Usage`."""
    unlabelled_path: Path
    """`test.csv`, column `pixels`."""
    train_rows: int
    """Sound rows of Usage Training, repeats included; likewise for the next two."""
    eval_rows: int
    test_rows: int
    repeats_within_train: int
    """Training rows that repeat the picture and label of another Training row."""
    repeats_into_eval: int
    """PublicTest rows that repeat the picture and label of a Training row."""
    broken_rows: int
    unlabelled_rows: int

    @property
    def distinct_train_rows(self) -> int:
        """Training rows left when repeats go, and with them each picture that also stands in PublicTest."""
        return self.train_rows - self.repeats_within_train - self.repeats_into_eval

    @property
    def labelled_file_rows(self) -> int:
        """Every row of `fer2013.csv`, sound or broken."""
        return self.train_rows + self.eval_rows + self.test_rows + self.broken_rows


def write_drawn_csvs(
    folder: Path,
    *,
    train_count: int = 4000,
    eval_count: int = 800,
    test_count: int = 200,
    unlabelled_count: int = 64,
    repeat_count: int = 60,
    broken_count: int = 15,
    seed: int = 2013,
) -> DrawnSummary:
    """Write `fer2013.csv` and `test.csv` into a folder of their own below `folder`; what is there already stays.

    That folder is named after the arguments and the code that draws, so its files are never out of date.
    Half of the repeats, rounded up, stand within train, the others go from train into eval.
    """
    counts = (train_count, eval_count, test_count, unlabelled_count, repeat_count, broken_count)
    _check_counts(counts)
    home = folder / f"faces-{train_count + eval_count + test_count}-seed-{seed}-{_fingerprint((*counts, seed))}"
    into_eval = repeat_count // 2
    summary = DrawnSummary(
        labelled_path=home / "fer2013.csv",
        unlabelled_path=home / "test.csv",
        train_rows=train_count + repeat_count - into_eval,
        eval_rows=eval_count + into_eval,
        test_rows=test_count,
        repeats_within_train=repeat_count - into_eval,
        repeats_into_eval=into_eval,
        broken_rows=broken_count,
        unlabelled_rows=unlabelled_count,
    )
    if not summary.labelled_path.exists():
        _write_lines(summary.labelled_path, [HEADER, *_labelled_lines(summary, seed)])
    if not summary.unlabelled_path.exists():
        faces = draw_faces(unlabelled_count, _seed_of(seed, "unlabelled"))
        _write_lines(summary.unlabelled_path, [PIXELS_KEY, *_pixel_texts(faces)])
    return summary


def _check_counts(counts: Sequence[int]) -> None:
    train_count, *_, repeat_count, broken_count = counts
    if min(counts) < 0:
        raise ValueError(f"counts of rows: expected none below 0, got {counts}")
    if train_count < max(repeat_count, min(broken_count, 1)):
        needed = f"{repeat_count} repeats and {broken_count} broken rows, which are made from train"
        raise ValueError(f"train_count: expected enough rows for {needed}, got {train_count}")


def _fingerprint(arguments: Sequence[int]) -> str:
    """Eight hex digits of the arguments and of the sources that turn them into files."""
    digest = hashlib.sha256(repr(tuple(arguments)).encode())
    for name in _SOURCES:
        digest.update(Path(__file__).with_name(name).read_bytes())
    return digest.hexdigest()[:8]


def _seed_of(seed: int, purpose: str) -> int:
    """A seed of its own for each purpose, so that no two sets of faces are the same."""
    return int.from_bytes(hashlib.sha256(f"{seed} {purpose}".encode()).digest()[:8], "big")


def _labelled_lines(summary: DrawnSummary, seed: int) -> list[str]:
    """Every row of `fer2013.csv`, sound, repeated and broken, in random order."""
    rng = np.random.default_rng(_seed_of(seed, "order"))
    train_count = summary.train_rows - summary.repeats_within_train
    train = _sound_rows(train_count, _TRAIN, _seed_of(seed, _TRAIN))
    evaluation = _sound_rows(summary.eval_rows - summary.repeats_into_eval, _EVAL, _seed_of(seed, _EVAL))
    test = _sound_rows(summary.test_rows, _TEST, _seed_of(seed, _TEST))
    repeat_count = summary.repeats_within_train + summary.repeats_into_eval
    repeated = [train[index] for index in rng.permutation(train_count)[:repeat_count]]
    within = repeated[: summary.repeats_within_train]
    leaked = [(label, pixels, _EVAL) for label, pixels, _ in repeated[summary.repeats_within_train :]]
    lines = [",".join(row) for row in (*train, *within, *evaluation, *leaked, *test)]
    lines += [_break_row(kind, train[kind % train_count]) for kind in range(summary.broken_rows)]
    return [lines[index] for index in rng.permutation(len(lines))]


def _sound_rows(count: int, usage: str, seed: int) -> list[tuple[str, str, str]]:
    faces = draw_faces(count, seed)
    labels = map(str, faces.class_indices.tolist())
    return [(label, pixels, usage) for label, pixels in zip(labels, _pixel_texts(faces), strict=True)]


def _pixel_texts(faces: DrawnFaces) -> list[str]:
    rows = faces.pixels.reshape(-1, PIXEL_COUNT).tolist()
    return [" ".join([_GREY_TEXTS[grey] for grey in row]) for row in rows]


def _break_row(kind: int, row: tuple[str, str, str]) -> str:
    """Spoil a sound row in the way of number `kind`; the ways take turns."""
    label, pixels, usage = row
    start, rest = pixels.split(" ", 1)
    ways = (
        f"{label},{rest},{usage}",  # a pixel too few
        f"{label},{pixels} {start},{usage}",  # one too many
        f"{label},256 {rest},{usage}",  # out of range
        f"{label},-1 {rest},{usage}",
        f"{label},x7 {rest},{usage}",  # letters
        f"{CLASS_COUNT},{pixels},{usage}",  # unknown label
        f"happy,{pixels},{usage}",
        f"{label},{pixels[: len(pixels) // 2]}",  # a line that ends half-way
        f"{label},{pixels},Holdout",  # unknown Usage
        f"{label},,{usage}",  # no pixels
    )
    return ways[kind % len(ways)]


def _write_lines(path: Path, lines: list[str]) -> None:
    """Write to a temporary file and rename it, so that a file that exists is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary_path = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary_path.open("w", encoding="ascii") as file:
        file.writelines(f"{line}\n" for line in lines)
    temporary_path.replace(path)
