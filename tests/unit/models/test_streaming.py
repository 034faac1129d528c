"""Streams of examples: what a scan tells of them, and which pictures come in which order."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from model_doubles import NO_AUGMENTATION, TINY_TRAINER, draw_pixels, stub_transform, to_raw
from test_dataset import write_examples

from configs.spec import AugmentationConfig
from fer_tfx.errors import ConfigError
from models import dataset
from models.computation import ALONE, Share
from models.dataset import DatasetError, make_eval_dataset
from models.streaming import StreamedExamples, scan_examples

COUNT = 26
RAWS = to_raw(draw_pixels(COUNT))
NAMES = {raw: name for name, raw in enumerate(RAWS)}
PLAIN = replace(TINY_TRAINER, epochs=3, batch_size=4, augmentation=NO_AUGMENTATION)


def write_files(folder: Path, *sizes: int) -> StreamedExamples:
    """Files of consecutive rows; the class of row n is n mod 7."""
    start = 0
    for index, size in enumerate(sizes):
        rows = range(start, start + size)
        write_examples(folder / f"data-{index}.gz", [RAWS[row] for row in rows], [row % 7 for row in rows])
        start += size
    return scan_examples([str(folder / "*.gz")], 7, shuffle_rows=8)


def read_rows(examples, config=PLAIN, shuffle_rows=8, start_epoch=0, share=ALONE):
    """The rows of each batch. The stub of Transform is undone by the picture's first pixels, which tell the row."""
    stream = replace(examples, shuffle_rows=shuffle_rows)
    batches = stream.make_train_dataset(stub_transform, config, start_epoch, share)
    return [[find_row(image) for image in images.numpy()] for images, _ in batches]


def find_row(image: np.ndarray) -> int:
    return NAMES[np.round((image / 4.0 + 0.5) * 255.0).astype(np.uint8).tobytes()]


@pytest.fixture
def examples(tmp_path):
    return write_files(tmp_path, 10, 9, 7)


@pytest.fixture(params=[(10, 9, 7), (COUNT,)], ids=["several files", "one file"])
def ordered(tmp_path, request):
    """Of one file, the buffer alone decides the order."""
    return write_files(tmp_path, *request.param)


def test_scan_counts_the_rows_of_each_file(examples):
    assert examples.row_counts == (10, 9, 7)
    assert len(examples) == COUNT


def test_scan_names_the_same_rows_alike_and_a_changed_label_otherwise(examples, tmp_path):
    for folder in ("same", "changed"):
        (tmp_path / folder).mkdir()
    assert write_files(tmp_path / "same", 10, 9, 7).digest == examples.digest
    write_examples(tmp_path / "changed" / "data.gz", RAWS, [(row + (row == 25)) % 7 for row in range(COUNT)])
    assert scan_examples([str(tmp_path / "changed" / "*")], 7, 8).digest != examples.digest


def test_scan_samples_the_same_pictures_in_whatever_files_they_lie(examples, tmp_path, monkeypatch):
    assert set(examples.sample) == set(RAWS)
    monkeypatch.setattr(dataset, "SAMPLE_COUNT", 5)
    (tmp_path / "other").mkdir()
    few, again = scan_examples(list(examples.paths), 7, 8), write_files(tmp_path / "other", 3, 23)
    assert len(few.sample) == 5
    assert few.sample == again.sample


def test_scan_no_file_names_the_pattern(tmp_path):
    with pytest.raises(DatasetError, match=r"none-\*'\], found none; run ExampleGen first"):
        scan_examples([str(tmp_path / "none-*")], 7, 8)


def test_scan_empty_file_names_it(tmp_path):
    write_examples(tmp_path / "empty.gz", [], [])
    with pytest.raises(DatasetError, match=r"at least one example in .*empty\.gz"):
        scan_examples([str(tmp_path / "empty.gz")], 7, 8)


def test_scan_other_file_names_it(tmp_path):
    (tmp_path / "other.gz").write_bytes(b"no gzip at all")
    with pytest.raises(DatasetError, match=r"other\.gz"):
        scan_examples([str(tmp_path / "other.gz")], 7, 8)


def test_train_stream_reads_each_row_at_most_once_in_an_epoch_and_leaves_out_less_than_a_batch(examples):
    batches = read_rows(examples)
    assert [len(batch) for batch in batches] == [4] * 18  # 26 // 4 = 6 steps in each of 3 epochs
    for epoch in range(3):
        rows = Counter(row for batch in batches[epoch * 6 : epoch * 6 + 6] for row in batch)
        assert len(rows) == 24
        assert max(rows.values()) == 1


def test_train_stream_leaves_out_other_rows_in_other_epochs(ordered):
    batches = read_rows(ordered)
    seen = [{row for batch in batches[start : start + 6] for row in batch} for start in (0, 6, 12)]
    assert len({frozenset(range(COUNT)) - each for each in seen}) > 1


def test_train_stream_order_differs_by_epoch_and_by_seed_and_repeats_itself(ordered):
    batches = read_rows(ordered)
    assert batches == read_rows(ordered)
    assert len({str(batches[start : start + 6]) for start in (0, 6, 12)}) == 3
    assert batches != read_rows(ordered, replace(PLAIN, seed=PLAIN.seed + 1))


def test_train_stream_mixes_the_rows_of_all_files(tmp_path):
    examples = write_files(tmp_path, 13, 13)
    first = [row for batch in read_rows(examples, shuffle_rows=COUNT)[:3] for row in batch]
    assert 3 <= sum(row < 13 for row in first) <= 9  # of 12 rows


def test_train_stream_taken_up_at_an_epoch_goes_on_as_if_never_stopped(ordered):
    assert read_rows(ordered, start_epoch=1) == read_rows(ordered)[6:]


def test_train_stream_images_keep_their_labels(examples):
    batches = examples.make_train_dataset(stub_transform, PLAIN)
    for images, targets in batches:
        assert [find_row(image) % 7 for image in images.numpy()] == targets.numpy().argmax(axis=1).tolist()


def test_train_stream_augments_alike_when_repeated_and_otherwise_in_the_next_step(examples):
    config = replace(PLAIN, augmentation=AugmentationConfig(), epochs=1)

    def read():
        return np.stack([images.numpy() for images, _ in examples.make_train_dataset(stub_transform, config)])

    images = read()
    np.testing.assert_array_equal(images, read())
    assert np.abs(images[0] - images[1]).max() > 0


def test_train_stream_shows_each_picture_both_ways_in_two_epochs(tmp_path):
    write_examples(tmp_path / "data.gz", RAWS[:8], [*range(7), 0])
    config = replace(PLAIN, epochs=2, augmentation=replace(NO_AUGMENTATION, flip=True))
    stream = scan_examples([str(tmp_path / "*")], 7, 8).make_train_dataset(stub_transform, config)
    images = np.concatenate([images.numpy() for images, _ in stream])
    straight = {name: Counter() for name in range(8)}
    for image in images:
        pixels = np.round((image / 4.0 + 0.5) * 255.0).astype(np.uint8)
        is_straight = pixels.tobytes() in NAMES
        straight[NAMES[pixels.tobytes() if is_straight else pixels[:, ::-1].tobytes()]][is_straight] += 1
    assert all(ways == {True: 1, False: 1} for ways in straight.values())


def test_workers_share_the_files_out_and_take_as_many_steps(examples):
    shares = [read_rows(examples, share=Share(index, 2)) for index in range(2)]
    # Files of 10 and 7 rows, and one of 9: the lesser has 4 batches of 2.
    assert [len(batches) for batches in shares] == [12, 12]
    rows = [{row for batch in batches for row in batch} for batches in shares]
    assert rows[0] <= {*range(10), *range(19, 26)}
    assert rows[1] <= set(range(10, 19))
    assert all(len(batch) == 2 for batches in shares for batch in batches)


def test_count_of_steps_fewer_files_than_workers_is_refused(examples):
    with pytest.raises(DatasetError, match=r"3 files of examples for 4 workers: .* write more shards"):
        examples.count_steps(8, worker_count=4)


def test_count_of_steps_batch_smaller_than_the_workers_is_refused(examples):
    with pytest.raises(ConfigError, match=r"^trainer\.batch_size: expected at least 1 for each of 3 workers, got 2$"):
        examples.count_steps(2, worker_count=3)


def test_count_of_steps_less_than_one_batch_is_refused(examples):
    with pytest.raises(DatasetError, match=r"26 rows for a worker, fewer than .* trainer\.batch_size 27"):
        examples.count_steps(27)


def test_eval_stream_gives_every_row_once_in_order(examples):
    images, class_indices = zip(*make_eval_dataset(examples, stub_transform), strict=True)
    assert [find_row(image) for image in np.concatenate(images)] == list(range(COUNT))
    assert np.concatenate(class_indices).tolist() == [row % 7 for row in range(COUNT)]


def test_sample_comes_in_batches_of_one_size(examples):
    batches = [batch.numpy() for batch in dataset.make_image_dataset(examples.sample, stub_transform, 8)]
    assert [batch.shape for batch in batches] == [(8, 48, 48, 1)] * 3
    assert len({find_row(image) for batch in batches for image in batch}) == 24


def test_stream_holds_a_bounded_number_of_rows_at_hand(tmp_path):
    """A large file behind a small buffer: the first batch comes of the first rows alone."""
    write_examples(tmp_path / "data.gz", RAWS, [0] * COUNT)
    examples = scan_examples([str(tmp_path / "*")], 7, 8)
    first = read_rows(examples, shuffle_rows=4)[0]
    assert max(first) < 4 + 4
    tf.debugging.assert_equal(len(set(first)), 4)
