"""Near-duplicates across FER2013's splits, mirrored ones too, and a model's public accuracy without them.

    python -m benchmarks.near_duplicates --data FOLDER --out benchmarks/results/fer2013/near_duplicates.md

A near-duplicate comes from the same camera shot but was processed differently: another crop, size, brightness,
compression or watermark (Barz and Denzler 2020, doi:10.3390/jimaging6060041). No label of the private test is needed.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise, product
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from benchmarks.evaluate import Answers, describe_accuracy
from benchmarks.harness.command import make_parser, print_report, render, run_command, tell
from benchmarks.model.exported import load_predict, require_fer2013_classes, require_model
from benchmarks.model.fer2013 import TEST_FILE, TRAIN_FILE, iter_candidates, read_public_test
from fer_tfx.contract import DEFAULT_CLASS_NAMES, IMAGE_SIZE_PX, TRAIN_SPLIT, UNLABELLED_SPLIT
from fer_tfx.model_files import find_shipped_model
from fer_tfx.quiet import hush_libraries

Pixels = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.int64]
Similarities = npt.NDArray[np.float64]
Details = list[npt.NDArray[np.float32]]  # of a picture, at each enlargement

MIN_SIMILARITY = 0.9  # docs/protocol.md says why
SPLITS = ("Training", "PublicTest", "PrivateTest")
_NEIGHBOURS = 5  # candidates per picture and direction
_THUMBNAIL_PX = 12
# Size, left and top of what may be another picture as a whole, in pixels.
_WINDOWS = [(48, 0, 0), (42, 3, 3), *product([42], (0, 6), (0, 6)), *product([36], (0, 6, 12), (0, 6, 12))]
_TEMPLATE = slice(6, 42)  # rows and columns that are looked for in the other picture
_ENLARGEMENTS = (1.0, 1.1, 1.2, 1.35)
_MAX_SHIFT_PX = 8
_BINS = np.linspace(0.7, 1.0, 7)
RANDOM_PAIRS = 20_000


def find_pairs(pictures: Pixels, is_mirrored: bool = False) -> tuple[Indices, Similarities]:
    """Pairs (m, 2) of indices of pictures (n, 48, 48), the lower first, and their similarities (m,), -1 to 1: each
    picture with those most like it, or whose mirror image is most like it."""
    others = np.ascontiguousarray(pictures[:, :, ::-1]) if is_mirrored else pictures
    pairs = np.unique(np.sort(np.concatenate(list(_iter_candidates(pictures, others))), axis=1), axis=0)
    return pairs, _measure_pairs(pictures, others, pairs)


def draw_pairs(pictures: Pixels, count: int) -> tuple[Indices, Similarities]:
    """The same of pairs drawn at random, which are almost never of one shot."""
    generator = np.random.default_rng(0)
    first = generator.integers(len(pictures), size=count)
    pairs = np.stack([first, (first + generator.integers(1, len(pictures), size=count)) % len(pictures)], axis=1)
    return pairs, _measure_pairs(pictures, pictures, pairs)


def _measure_pairs(pictures: Pixels, others: Pixels, pairs: Indices) -> Similarities:
    scale_first = lru_cache(10_000)(lambda index: _scale(pictures[index]))
    scale_second = lru_cache(10_000)(lambda index: _scale(others[index]))
    return np.array([measure_similarity(scale_first(first), scale_second(second)) for first, second in pairs.tolist()])


def _iter_candidates(pictures: Pixels, others: Pixels) -> Iterator[Indices]:
    """Pairs (n, 2): each picture with the others whose thumbnails correlate best with that of one of its windows."""
    windows, wholes = [_describe(pictures, *window) for window in _WINDOWS], _describe(others, *_WINDOWS[0])
    count = min(_NEIGHBOURS, len(pictures) - 1)
    for rows in np.array_split(np.arange(len(pictures)), len(pictures) // 512 + 1):
        likeness = windows[0][rows] @ wholes.T
        for window in windows[1:]:
            np.maximum(likeness, window[rows] @ wholes.T, out=likeness)
        likeness[np.arange(len(rows)), rows] = -2.0
        best = np.argpartition(-likeness, count - 1, axis=1)[:, :count]
        yield np.stack([np.repeat(rows, count), best.ravel()], axis=1)


def _describe(pictures: Pixels, size: int, left: int, top: int) -> npt.NDArray[np.float32]:
    """Thumbnails (n, 144) of a window, with mean 0 and norm 1, so that their product is their correlation."""
    parts = pictures[:, top : top + size, left : left + size].astype(np.float32)
    shape = (_THUMBNAIL_PX, _THUMBNAIL_PX)
    thumbnails = np.stack([cv2.resize(part, shape, interpolation=cv2.INTER_AREA).ravel() for part in parts])
    centred = thumbnails - thumbnails.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6), np.float32)


def _scale(picture: Pixels) -> Details:
    """A picture at each enlargement, without noise and lighting, which say little about the shot."""
    enlarged = []
    for factor in _ENLARGEMENTS:
        size = round(IMAGE_SIZE_PX * factor)
        grey = cv2.resize(picture.astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
        details = cv2.GaussianBlur(grey, (0, 0), 1.0) - cv2.GaussianBlur(grey, (0, 0), 4.0)
        border = max(0, (size - _TEMPLATE.stop + _TEMPLATE.start) // 2 - _MAX_SHIFT_PX)
        enlarged.append(details[border : size - border, border : size - border].copy())
    return enlarged


def measure_similarity(first: Details, second: Details) -> float:
    """The largest normalised cross-correlation (Lewis 1995, "Fast template matching") of one picture's centre with any
    place of the other at any enlargement; -1 if either has no details there."""
    first_centre, second_centre = first[0][_TEMPLATE, _TEMPLATE], second[0][_TEMPLATE, _TEMPLATE]
    if min(first_centre.std(), second_centre.std()) < 0.5:
        return -1.0
    searches = [*((first_centre, each) for each in second), *((second_centre, each) for each in first)]
    return max(float(cv2.matchTemplate(each, part, cv2.TM_CCOEFF_NORMED).max()) for part, each in searches)


class Audit:
    """Who has a twin where. Pictures are the different ones of all rows; those of one shot form a group."""

    def __init__(self, rows: Sequence[Indices], labels: Sequence[Indices], near: Indices, mirrored: Indices) -> None:
        """`rows` and `labels` are (n,) for each of SPLITS: the index of a row's picture, and its class or 0; `near` and
        `mirrored` are pairs (m, 2) of pictures."""
        self.rows = rows
        count = max(int(each.max(initial=-1)) for each in rows) + 1
        edges = coo_array((np.ones(len(near)), near.T), shape=(count, count))
        group_count, self.groups = connected_components(edges, directed=False)
        self.exact = np.zeros(
            (len(rows), count, len(DEFAULT_CLASS_NAMES)), np.int64
        )  # rows by split, picture and class
        self.near = np.zeros((len(rows), group_count, len(DEFAULT_CLASS_NAMES)), np.int64)  # by split, group and class
        for split, (pictures, classes) in enumerate(zip(rows, labels, strict=True)):
            np.add.at(self.exact[split], (pictures, classes), 1)
            np.add.at(self.near[split], (self.groups[pictures], classes), 1)
        self.mirrored = np.zeros_like(self.near)  # by split, group and class: rows of the groups that mirror it
        linked = {pair for one, other in self.groups[mirrored].tolist() for pair in ((one, other), (other, one))}
        for here, there in (pair for pair in linked if pair[0] != pair[1]):
            self.mirrored[:, here] += self.near[:, there]

    def find_twins(self, split: int, other: int) -> tuple[npt.NDArray[np.bool_], ...]:
        """Whether a row of `split` has an exact twin in `other`, else a near one, else a mirrored one: three (n,)."""
        pictures = self.rows[split]
        groups = self.groups[pictures]
        exact = self.exact[other, pictures].sum(axis=1)
        has_exact = exact > (split == other)
        has_near = ~has_exact & (self.near[other, groups].sum(axis=1) > exact)
        has_mirrored = ~has_exact & ~has_near & (self.mirrored[other, groups].sum(axis=1) > 0)
        return has_exact, has_near, has_mirrored

    def compare_labels(self) -> dict[str, dict[str, int]]:
        """Share of the pairs of a Training and a PublicTest row that have the same label."""
        exact, near, mirrored = self.exact, self.near, self.mirrored
        totals = {}
        for name, first, second in (("exact", exact, exact), ("near", near, near), ("mirrored", near, mirrored)):
            pairs = first[0].sum(axis=1) * second[1].sum(axis=1)
            totals[name] = np.array([(first[0] * second[1]).sum(), pairs.sum()])
        totals["near"] -= totals["exact"]
        return {name: {"same": int(same), "n": int(count)} for name, (same, count) in totals.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = make_parser("near_duplicates", __doc__)
    parser.add_argument("--data", metavar="FOLDER", required=True, type=Path, help="the competition's files")
    parser.add_argument("--model", metavar="DIR", type=Path, help="the SavedModel (default: the shipped one)")
    parser.add_argument("--out", metavar="FILE", type=Path, help="also write the report there, as Markdown")
    return run_command(parser, lambda options: print_report(options.out, lambda: _report(options)), arguments)


def _report(options: argparse.Namespace) -> str:
    model = options.model or find_shipped_model()
    require_model(model)
    require_fer2013_classes(model)
    cv2.setNumThreads(1)
    test = read_public_test(options.data)
    train = list(iter_candidates(options.data / TRAIN_FILE, TRAIN_SPLIT))
    unlabelled = iter_candidates(options.data / TEST_FILE, UNLABELLED_SPLIT)
    indices: dict[bytes, int] = {}
    index = np.array([indices.setdefault(row.pixels, len(indices)) for row in (*train, *unlabelled)])
    pictures = np.frombuffer(b"".join(indices), np.uint8).reshape(-1, IMAGE_SIZE_PX, IMAGE_SIZE_PX)
    rows = np.split(index, [len(train), len(train) + len(test.class_indices)])
    tell(f"{len(index):,} rows, {len(pictures):,} different pictures; their comparison takes minutes")
    found = [find_pairs(pictures), find_pairs(pictures, is_mirrored=True)]
    labels = [np.array([row.class_index for row in train], np.int64), test.class_indices, np.zeros_like(rows[2])]
    audit = Audit(rows, labels, *(pairs[similarities >= MIN_SIMILARITY] for pairs, similarities in found))
    twins = {(SPLITS[a], SPLITS[b]): audit.find_twins(a, b) for a, b in product(range(len(SPLITS)), repeat=2)}
    exact, near, mirrored = twins["PublicTest", "Training"]
    is_alone = ~(exact | near | mirrored)
    majority = audit.near[0, audit.groups[rows[1]]].argmax(axis=1)
    has_test_twin = np.any([*twins["PublicTest", "PublicTest"], *twins["PublicTest", "PrivateTest"]], axis=0)
    chosen = {
        "all rows": np.ones_like(exact),
        "clean rows: no exact twin in Training": ~exact,
        "no twin of any kind in Training": is_alone,
        "the same, but a twin in another row of the tests": is_alone & has_test_twin,
        "near or mirrored twin in Training, but no exact one": near | mirrored,
        "near twins in Training, most of them with the row's label": near & (majority == test.class_indices),
        "near twins in Training, most of them with another label": near & (majority != test.class_indices),
        "exact twin in Training": exact,
    }
    answers = Answers(load_predict(model)(test.pixels), test.class_indices)
    _, drawn = draw_pairs(pictures, RANDOM_PAIRS)
    columns = [*(similarities for _, similarities in found), drawn]
    return render(
        "near_duplicates.md",
        rows=dict(zip(SPLITS, map(len, rows), strict=True)), picture_count=len(pictures), limit=MIN_SIMILARITY,
        bins=list(zip(pairwise(_BINS), *(np.histogram(each, _BINS)[0] for each in columns), strict=True)),
        drawn={"n": len(drawn), "high": np.quantile(drawn, 0.999), "highest": drawn.max()},
        twins={splits: [int(each.sum()) for each in kinds] for splits, kinds in twins.items()},
        labels=audit.compare_labels(),
        accuracy={name: describe_accuracy(answers.select(each)) for name, each in chosen.items()},
    )  # fmt: skip


if __name__ == "__main__":
    hush_libraries()
    sys.exit(main())
