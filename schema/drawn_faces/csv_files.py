"""Drawn faces -> two CSV files in the form of FER2013, repeats and broken rows included."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fer_tfx.contract import DEFAULT_CLASS_NAMES, LABEL_KEY, PIXEL_COUNT, PIXELS_KEY
from fer_tfx.files import replacing
from schema.drawn_faces.drawing import DrawnFaces, draw_faces

_SOURCES = ("csv_files.py", "drawing.py", "traits.py")
_GREY_TEXTS = [str(grey) for grey in range(256)]


class DrawnCsvs(NamedTuple):
    """Where `fer2013.csv` and `test.csv` are."""

    labelled_path: Path
    unlabelled_path: Path


def write_drawn_csvs(
    folder: Path, *, train_count: int = 4000, eval_count: int = 800, test_count: int = 200, unlabelled_count: int = 64,
    repeat_count: int = 60, broken_count: int = 15, seed: int = 2013,
) -> DrawnCsvs:  # fmt: skip
    """Write `fer2013.csv` and `test.csv` into a subfolder of `folder`, unless they exist.

    The subfolder is named after the arguments and the code that draws, so its files are never out of date.
    Half of the repeats, rounded up, lie within train, the others go from train into eval.
    """
    counts = (train_count, eval_count, test_count, unlabelled_count, repeat_count, broken_count)
    digest = hashlib.sha256(repr((*counts, seed)).encode())
    for name in _SOURCES:
        digest.update(Path(__file__).with_name(name).read_bytes())
    home = folder / f"faces-{train_count + eval_count + test_count}-seed-{seed}-{digest.hexdigest()[:8]}"
    drawn = DrawnCsvs(home / "fer2013.csv", home / "test.csv")
    if not drawn.labelled_path.exists():
        rng = np.random.default_rng(_seed_of(seed, "order"))
        train = _sound_rows(train_count, "Training", seed)
        repeats = [train[index] for index in rng.permutation(train_count)[:repeat_count]]
        within = repeat_count - repeat_count // 2
        rows = [*train, *repeats[:within], *_sound_rows(eval_count, "PublicTest", seed)]
        rows += [(label, pixels, "PublicTest") for label, pixels, _ in repeats[within:]]
        lines = [",".join(row) for row in (*rows, *_sound_rows(test_count, "PrivateTest", seed))]
        lines += [_break_row(kind, train[kind % train_count]) for kind in range(broken_count)]
        order = rng.permutation(len(lines))
        _write_lines(drawn.labelled_path, [f"{LABEL_KEY},{PIXELS_KEY},Usage", *(lines[index] for index in order)])
    if not drawn.unlabelled_path.exists():
        faces = draw_faces(unlabelled_count, _seed_of(seed, "unlabelled"))
        _write_lines(drawn.unlabelled_path, [PIXELS_KEY, *_pixel_texts(faces)])
    return drawn


def _seed_of(seed: int, purpose: str) -> int:
    """Another seed for each purpose, so that no two sets of faces are the same."""
    return int.from_bytes(hashlib.sha256(f"{seed} {purpose}".encode()).digest()[:8], "big")


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
        f"{len(DEFAULT_CLASS_NAMES)},{pixels},{usage}",  # unknown label
        f"contempt,{pixels},{usage}",
        f"{label},{pixels[: len(pixels) // 2]}",  # a line that ends half-way
        f"{label},{pixels},Holdout",  # unknown Usage
        f"{label},,{usage}",  # no pixels
    )
    return ways[kind % len(ways)]


def _write_lines(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.writelines(f"{line}\n" for line in lines)
