"""The column of targets, and the folds of teachers: what training reads of them, in memory and streamed."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from model_doubles import NO_AUGMENTATION, TINY_TRAINER, draw_pixels, stub_transform, to_raw
from test_dataset import write_examples

from models.dataset import (
    DatasetError,
    Fold,
    count_examples,
    find_examples,
    find_folds,
    read_batches,
    read_examples,
    read_records,
)
from models.streaming import scan_examples

COUNT = 14
RAWS = to_raw(draw_pixels(COUNT))
SOFT = {row: np.roll([0.75, 0.25, 0, 0, 0, 0, 0], row).tolist() for row in range(0, COUNT, 2)}
TRAINER = replace(TINY_TRAINER, epochs=1, batch_size=4, augmentation=NO_AUGMENTATION, target_weight=0.5)


@pytest.fixture(scope="module")
def patterns(tmp_path_factory) -> list[str]:
    """Two files, in which each second row has a target."""
    folder = tmp_path_factory.mktemp("rows")
    for index, rows in enumerate((range(9), range(9, COUNT))):
        targets = {row - rows[0]: SOFT[row] for row in rows if row in SOFT}
        write_examples(folder / f"{index}.gz", [RAWS[row] for row in rows], [row % 7 for row in rows], targets)
    return [str(folder / "*.gz")]


READERS = {
    "memory": partial(read_examples, class_count=7),
    "stream": lambda patterns, unseen=None: scan_examples(patterns, 7, 8, unseen),
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_make_train_dataset_trains_on_half_the_target_where_there_is_one(read, patterns):
    images = stub_transform(RAWS).numpy()
    seen = 0
    for batch, targets in read(patterns).make_train_dataset(stub_transform, TRAINER):
        for image, target in zip(batch.numpy(), targets.numpy(), strict=True):
            (row,) = np.flatnonzero((image == images).all(axis=(1, 2, 3)))
            label = 0.9 * np.eye(7)[row % 7] + 0.1 / 7
            expected = 0.5 * label + 0.5 * np.array(SOFT[row]) if row in SOFT else label
            np.testing.assert_allclose(target, expected, atol=1e-6)
            seen += 1
    assert seen == 12


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_folds_leave_out_every_picture_once_whatever_order_it_comes_in(read, patterns):
    left = []
    for index in range(3):
        kept = read(patterns, unseen=Fold(index, 3))
        rows = {raw for batch, *_ in read_batches(kept) for raw in batch}
        batches = kept.make_train_dataset(stub_transform, replace(TRAINER, batch_size=2))
        assert len(list(batches)) == len(rows) // 2
        assert count_examples(find_examples(patterns, 7, Fold(index, 3))) == len(rows) < COUNT
        left += [raw for raw in RAWS if raw not in rows]
    assert sorted(left) == sorted(RAWS)


def test_find_folds_goes_by_the_picture_alone_and_stays_as_it_is(tmp_path):
    """Another version's hash would hand rows to teachers that saw them."""
    folds = []
    for labels in ([0] * COUNT, [6] * COUNT):
        write_examples(tmp_path / "rows.gz", RAWS, labels, SOFT if labels[0] else {})
        folds.append(find_folds(next(iter(read_records([str(tmp_path / "rows.gz")]).batch(COUNT))), 5).numpy().tolist())
    assert folds == [[3, 0, 1, 2, 3, 1, 2, 3, 4, 3, 1, 0, 0, 1]] * 2


def test_read_examples_nothing_outside_the_fold_is_refused(tmp_path):
    write_examples(tmp_path / "rows.gz", RAWS[:1], [0])
    with pytest.raises(DatasetError, match="expected at least one example"):
        [read_examples([str(tmp_path / "rows.gz")], 7, Fold(index, 2)) for index in range(2)]


@pytest.mark.parametrize("target", [[0.5] * 7, [-1, 2, 0, 0, 0, 0, 0], [float("nan")] * 7, [1.0], [0.0] * 8])
@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_read_target_that_is_no_distribution_names_the_file(read, target, tmp_path):
    write_examples(tmp_path / "bad.gz", RAWS[:3], [0, 1, 2], {1: target})
    with pytest.raises(DatasetError, match=r"bad\.gz"):
        read([str(tmp_path / "bad.gz")])
