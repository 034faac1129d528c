import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from model_doubles import TINY_TRAINER, build_examples, draw_pixels, stub_transform, to_raw

from models.dataset import (
    ROW_BYTES,
    DatasetError,
    count_examples,
    count_rows,
    find_examples,
    make_eval_dataset,
    make_image_dataset,
    read_batches,
    read_examples,
)
from models.streaming import scan_examples

# 11 examples in batches of 4: two steps, three examples left out in each epoch. The class tells which is which, so
# there are 11 of them here.
EXAMPLES = build_examples(draw_pixels(11), range(11), np.zeros([11, 11]))
READERS = [partial(read_examples, class_count=7), partial(find_examples, class_count=7)]
TRAINER = replace(TINY_TRAINER, epochs=5, batch_size=4, label_smoothing=0)


def write_examples(
    path: Path, raws: list[bytes], class_indices: list[int], targets: dict[int, list[float]] | None = None
) -> None:
    """With `targets` by row; the others have none."""
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for row, (raw, class_index) in enumerate(zip(raws, class_indices, strict=True)):
            example = tf.train.Example()
            example.features.feature["pixels"].bytes_list.value.append(raw)
            example.features.feature["emotion"].int64_list.value.append(class_index)
            example.features.feature["source"].bytes_list.value.append(b"fer2013.csv")
            example.features.feature["row"].int64_list.value.append(row)
            if row in (targets or {}):
                example.features.feature["target"].float_list.value.extend(targets[row])
            writer.write(example.SerializeToString())


def read_train_batches(examples, config, start_epoch=0):
    """Images and class indices of each batch, whose targets are sure of one class each."""
    batches = [
        (images.numpy(), targets.numpy())
        for images, targets in examples.make_train_dataset(stub_transform, config, start_epoch)
    ]
    assert all((np.sort(targets)[:, -2:] == [0.0, 1.0]).all() for _, targets in batches)
    return [(images, targets.argmax(axis=1)) for images, targets in batches]


def test_read_examples_two_shards_returns_rows_in_order_of_file_names(tmp_path):
    raws = to_raw(draw_pixels(5))
    write_examples(tmp_path / "data-00001-of-2.gz", raws[3:], [6, 0])
    write_examples(tmp_path / "data-00000-of-2.gz", raws[:3], [4, 2, 3])
    examples = read_examples([str(tmp_path / "*")], 7)
    assert examples.pixels.numpy().tolist() == raws
    assert examples.class_indices.numpy().tolist() == [4, 2, 3, 6, 0]
    assert examples.class_indices.dtype == tf.int64
    assert len(examples) == 5


def test_read_examples_and_find_examples_give_the_same_batches(tmp_path):
    write_examples(tmp_path / "a.gz", to_raw(draw_pixels(5)), [4, 2, 3, 6, 0])
    write_examples(tmp_path / "b.gz", to_raw(draw_pixels(2, seed=1)), [1, 5])
    held, stored = (list(each([str(tmp_path / "*")]).make_batches(3).as_numpy_iterator()) for each in READERS)
    assert [len(raw) for raw, *_ in held] == [3, 3, 1]
    for (raw, classes, _), (other_raw, other_classes, _) in zip(held, stored, strict=True):
        assert raw.tolist() == other_raw.tolist()
        assert classes.tolist() == other_classes.tolist()


def test_read_examples_holds_each_picture_once(tmp_path):
    """In a process of its own: the memory of this one was larger before."""
    count = 40_000
    write_examples(tmp_path / "data.gz", to_raw(draw_pixels(count)), [0] * count)
    command = [sys.executable, str(Path(__file__).with_name("measure_reading.py")), str(tmp_path / "data.gz")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    peak_bytes = int(done.stdout.splitlines()[-1])
    # Batches on their way take 40 to 55 MB, whatever the number of pictures; holding them twice would take 92 more.
    assert count * 2_304 < peak_bytes < count * ROW_BYTES + 70e6


@pytest.mark.parametrize(("most", "count"), [(None, 5), (1, 1), (4, 4), (5, 5), (6, 5)])
def test_count_examples_stops_at_the_most_that_is_asked_for(tmp_path, most, count):
    write_examples(tmp_path / "a.gz", to_raw(draw_pixels(3)), [4, 2, 3])
    write_examples(tmp_path / "b.gz", to_raw(draw_pixels(2)), [1, 5])
    assert count_examples(find_examples([str(tmp_path / "*")], 7), most) == count


@pytest.mark.parametrize("open_examples", [*READERS, partial(scan_examples, class_count=7, shuffle_rows=8)])
def test_read_examples_pattern_that_matches_no_file_beside_one_that_does_is_named(tmp_path, open_examples):
    """Else a training would go on with the spans of a window that are still there."""
    write_examples(tmp_path / "span-2.gz", to_raw(draw_pixels(3)), [4, 2, 3])
    with pytest.raises(DatasetError, match=r"expected files of examples at \['\S+/span-1\*'\], found none"):
        open_examples([str(tmp_path / "span-1*"), str(tmp_path / "span-2*")])


def test_read_examples_overlapping_patterns_reads_each_file_once(tmp_path):
    write_examples(tmp_path / "data.gz", to_raw(draw_pixels(2)), [1, 2])
    assert len(read_examples([str(tmp_path / "*"), str(tmp_path / "data.gz")], 7)) == 2


def test_read_examples_no_file_names_the_pattern(tmp_path):
    pattern = str(tmp_path / "none-*")
    with pytest.raises(DatasetError, match=r"none-\*'\], found none; run ExampleGen first"):
        read_examples([pattern], 7)


def test_read_examples_empty_file_names_the_file(tmp_path):
    write_examples(tmp_path / "empty.gz", [], [])
    with pytest.raises(DatasetError, match=r"at least one example in .*empty\.gz"):
        read_examples([str(tmp_path / "empty.gz")], 7)


@pytest.mark.parametrize("open_examples", READERS)
@pytest.mark.parametrize("content", [b"no gzip at all", b""])
def test_read_examples_other_file_names_the_file(tmp_path, content, open_examples):
    (tmp_path / "other.gz").write_bytes(content)
    with pytest.raises(DatasetError, match=r"other\.gz"):
        open_examples([str(tmp_path / "other.gz")])


@pytest.mark.parametrize("read", [READERS[0], lambda patterns: list(read_batches(find_examples(patterns, 7)))])
def test_read_examples_without_label_names_the_feature(tmp_path, read):
    example = tf.train.Example()
    example.features.feature["pixels"].bytes_list.value.append(bytes(2304))
    with tf.io.TFRecordWriter(str(tmp_path / "unlabelled.gz"), "GZIP") as writer:
        writer.write(example.SerializeToString())
    with pytest.raises(DatasetError, match=r"unlabelled\.gz.*emotion"):
        read([str(tmp_path / "unlabelled.gz")])


@pytest.mark.parametrize(("count", "steps"), [(1, 1), (3, 1), (4, 1), (7, 1), (8, 2)])
def test_count_steps_counts_whole_batches_but_at_least_one(count, steps):
    assert build_examples(draw_pixels(count), range(count)).count_steps(4) == steps


def test_make_train_dataset_same_seed_repeats_every_batch():
    for first, again in zip(read_train_batches(EXAMPLES, TRAINER), read_train_batches(EXAMPLES, TRAINER), strict=True):
        np.testing.assert_array_equal(first[0], again[0])
        np.testing.assert_array_equal(first[1], again[1])


def test_make_train_dataset_other_seed_gives_other_order():
    labels = np.concatenate([labels for _, labels in read_train_batches(EXAMPLES, TRAINER)])
    others = np.concatenate([labels for _, labels in read_train_batches(EXAMPLES, replace(TRAINER, seed=6))])
    assert labels.tolist() != others.tolist()


def test_make_train_dataset_started_late_equals_the_rest_of_an_uninterrupted_one():
    whole, rest = read_train_batches(EXAMPLES, TRAINER), read_train_batches(EXAMPLES, TRAINER, start_epoch=3)
    assert len(whole) == 10
    assert len(rest) == 4
    for expected, got in zip(whole[6:], rest, strict=True):
        np.testing.assert_array_equal(expected[0], got[0])
        np.testing.assert_array_equal(expected[1], got[1])


def test_make_train_dataset_epoch_holds_no_example_twice_and_epochs_differ_in_order():
    labels = np.stack([labels for _, labels in read_train_batches(EXAMPLES, TRAINER)]).reshape(5, 8)
    assert all(len(set(epoch)) == 8 for epoch in labels.tolist())
    assert len({tuple(epoch) for epoch in labels.tolist()}) == 5
    assert set(labels.ravel().tolist()) == set(range(11))


def test_make_train_dataset_picture_stays_with_its_class():
    config = replace(TRAINER, augmentation=replace(TRAINER.augmentation, **dict.fromkeys(UNSET, 0.0), flip=False))
    images = stub_transform(EXAMPLES.pixels).numpy()
    for batch, labels in read_train_batches(EXAMPLES, config):
        np.testing.assert_array_equal(batch, images[labels])


UNSET = ("rotation_deg", "scale_fraction", "shift_fraction")


def test_make_train_dataset_picture_is_augmented_anew_in_each_epoch():
    one = build_examples(draw_pixels(1), [3], np.zeros([1, 11]))
    batches = read_train_batches(one, TRAINER)
    assert [labels.tolist() for _, labels in batches] == [[3]] * 5
    assert len({images.tobytes() for images, _ in batches}) == 5


def test_make_eval_dataset_returns_all_examples_once_in_order_unchanged():
    batches = list(make_eval_dataset(EXAMPLES, stub_transform))
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in batches]), range(11))
    images = np.concatenate([images for images, _ in batches])
    np.testing.assert_array_equal(images, stub_transform(EXAMPLES.pixels))


def test_make_train_dataset_picture_is_mirrored_in_every_second_epoch():
    augmentation = replace(TRAINER.augmentation, **dict.fromkeys(UNSET, 0.0), flip=True)
    images = stub_transform(EXAMPLES.pixels).numpy()
    seen: dict[int, list[tuple[int, bool]]] = {}
    for batch_number, (batch, labels) in enumerate(
        read_train_batches(EXAMPLES, replace(TRAINER, augmentation=augmentation))
    ):
        for image, label in zip(batch, labels, strict=True):
            is_mirrored = np.array_equal(image, images[label][:, ::-1])
            assert is_mirrored != np.array_equal(image, images[label])
            seen.setdefault(int(label), []).append((batch_number // 2, is_mirrored))
    parities = {label: {(epoch + mirrored) % 2 for epoch, mirrored in views} for label, views in seen.items()}
    assert all(len(parity) == 1 for parity in parities.values())
    assert {parity for each in parities.values() for parity in each} == {0, 1}


def test_make_train_dataset_crops_until_the_last_epochs():
    config = replace(TRAINER, crop_px=40, full_size_fraction=0.4)
    assert [images.shape[1:3] for images, _ in read_train_batches(EXAMPLES, config)] == [(40, 40)] * 6 + [(48, 48)] * 4


def test_datasets_end_at_once_with_their_iteration():
    """TensorFlow's tuning thread would end up to a minute later, at the end of each training."""
    datasets = (
        EXAMPLES.make_train_dataset(stub_transform, TRAINER),
        make_eval_dataset(EXAMPLES, stub_transform),
        make_image_dataset(EXAMPLES.sample, stub_transform, 4),
    )
    assert [dataset.options().autotune.enabled for dataset in datasets] == [False] * 3


def test_count_rows_of_a_pattern_may_be_none(tmp_path):
    assert count_rows(str(tmp_path / "*.gz")) == 0
