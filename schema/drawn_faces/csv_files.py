"""Drawn faces -> two CSV files in the form of FER2013, repeats and broken rows included."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fer_tfx.contract import CLASS_COUNT, LABEL_KEY, PIXEL_COUNT, PIXELS_KEY
from schema.drawn_faces.drawing import DrawnFaces, draw_faces

_TRAIN, _EVAL, _TEST = "Training", "PublicTest", "PrivateTest"
_SOURCES = ("csv_files.py", "drawing.py", "traits.py")
_GREY_TEXTS = [str(grey) for grey in range(256)]


@dataclass(frozen=True)
class DrawnSummary:
    """Where `fer2013.csv` and `test.csv` are, and how many rows of each kind they hold, without headers."""

    labelled_path: Path
    unlabelled_path: Path
    train_rows: int
    """Sound rows of Usage Training, repeats included; the next two likewise."""
    eval_rows: int
    test_rows: int
    repeats_within_train: int
    """Training rows with the picture and label of another Training row."""
    repeats_into_eval: int
    """PublicTest rows with the picture and label of a Training row."""
    broken_rows: int
    unlabelled_rows: int

    @property
    def distinct_train_rows(self) -> int:
        """Training rows without repeats and without pictures that also occur in PublicTest."""
        return self.train_rows - self.repeats_within_train - self.repeats_into_eval

    @property
    def labelled_file_rows(self) -> int:
        """Every row of `fer2013.csv`, sound or broken."""
        return self.train_rows + self.eval_rows + self.test_rows + self.broken_rows


def write_drawn_csvs(
    folder: Path, *, train_count: int = 4000, eval_count: int = 800, test_count: int = 200, unlabelled_count: int = 64,
    repeat_count: int = 60, broken_count: int = 15, seed: int = 2013,
) -> DrawnSummary:  # fmt: skip
    """Write `fer2013.csv` and `test.csv` into a subfolder of `folder`, unless they exist.

    The subfolder is named after the arguments and the code that draws, so its files are never out of date.
    Half of the repeats, rounded up, lie within train, the others go from train into eval.
    Raises ValueError if a count is negative, or train too small for its repeats and broken rows.
    """
    counts = (train_count, eval_count, test_count, unlabelled_count, repeat_count, broken_count)
    if min(counts) < 0:
        raise ValueError(f"counts of rows: expected none below 0, got {counts}")
    if train_count < max(repeat_count, min(broken_count, 1)):
        needed = f"{repeat_count} repeats and {broken_count} broken rows, which are made from train"
        raise ValueError(f"train_count: expected enough rows for {needed}, got {train_count}")
    digest = hashlib.sha256(repr((*counts, seed)).encode())
    for name in _SOURCES:
        digest.update(Path(__file__).with_name(name).read_bytes())
    home = folder / f"faces-{train_count + eval_count + test_count}-seed-{seed}-{digest.hexdigest()[:8]}"
    into_eval = repeat_count // 2
    summary = DrawnSummary(
        home / "fer2013.csv", home / "test.csv", train_rows=train_count + repeat_count - into_eval,
        eval_rows=eval_count + into_eval, test_rows=test_count, repeats_within_train=repeat_count - into_eval,
        repeats_into_eval=into_eval, broken_rows=broken_count, unlabelled_rows=unlabelled_count,
    )  # fmt: skip
    if not summary.labelled_path.exists():
        _write_lines(summary.labelled_path, [f"{LABEL_KEY},{PIXELS_KEY},Usage", *_labelled_lines(summary, seed)])
    if not summary.unlabelled_path.exists():
        faces = draw_faces(unlabelled_count, _seed_of(seed, "unlabelled"))
        _write_lines(summary.unlabelled_path, [PIXELS_KEY, *_pixel_texts(faces)])
    return summary


def _seed_of(seed: int, purpose: str) -> int:
    """Another seed for each purpose, so that no two sets of faces are the same."""
    return int.from_bytes(hashlib.sha256(f"{seed} {purpose}".encode()).digest()[:8], "big")


def _labelled_lines(summary: DrawnSummary, seed: int) -> list[str]:
    """Every row of `fer2013.csv`, sound, repeated and broken, in random order."""
    rng = np.random.default_rng(_seed_of(seed, "order"))
    within, leaked = summary.repeats_within_train, summary.repeats_into_eval
    train = _sound_rows(summary.train_rows - within, _TRAIN, seed)
    repeats = [train[index] for index in rng.permutation(len(train))[: within + leaked]]
    rows = [*train, *repeats[:within], *_sound_rows(summary.eval_rows - leaked, _EVAL, seed)]
    rows += [(label, pixels, _EVAL) for label, pixels, _ in repeats[within:]]
    lines = [",".join(row) for row in (*rows, *_sound_rows(summary.test_rows, _TEST, seed))]
    lines += [_break_row(kind, train[kind % len(train)]) for kind in range(summary.broken_rows)]
    return [lines[index] for index in rng.permutation(len(lines))]


def _sound_rows(count: int, usage: str, seed: int) -> list[tuple[str, str, str]]:
    faces = draw_faces(count, _seed_of(seed, usage))
    return [(str(label), pixels, usage) for label, pixels in zip(faces.class_indices, _pixel_texts(faces), strict=True)]


def _pixel_texts(faces: DrawnFaces) -> list[str]:
    rows = faces.pixels.reshape(-1, PIXEL_COUNT).tolist()
    return [" ".join([_GREY_TEXTS[grey] for grey in row]) for row in rows]


def _break_row(kind: int, row: tuple[str, str, str]) -> str:
    """Spoil a sound row; the ways take turns by `kind`."""
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
    temporary_path.write_text("\n".join([*lines, ""]), encoding="ascii")
    temporary_path.replace(path)
