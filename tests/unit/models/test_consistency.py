"""View consistency: two views of half as many pictures in each batch, in memory and streamed."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from model_doubles import (
    NO_AUGMENTATION,
    TINY_TRAINER,
    build_examples,
    draw_pixels,
    fit_tiny_network,
    stub_transform,
    to_raw,
)
from test_dataset import write_examples

from configs.spec import AugmentationConfig
from models.computation import Share
from models.streaming import scan_examples

COUNT = 14
PIXELS = draw_pixels(COUNT)
IMAGES = stub_transform(tf.constant(to_raw(PIXELS))).numpy()


@pytest.fixture(params=["memory", "stream"])
def examples(request, tmp_path):
    if request.param == "memory":
        return build_examples(PIXELS, [row % 7 for row in range(COUNT)])
    for index in range(2):
        rows = range(index, COUNT, 2)
        write_examples(tmp_path / f"{index}.gz", to_raw(PIXELS[index::2]), [row % 7 for row in rows])
    return scan_examples([str(tmp_path / "*.gz")], 7, shuffle_rows=8)


def read_batches(examples, augmentation=NO_AUGMENTATION, *arguments, **settings):
    config = replace(
        TINY_TRAINER,
        **{"epochs": 2, "batch_size": 6, "label_smoothing": 0, "consistency_weight": 0.5, **settings},
        augmentation=augmentation,
    )
    dataset = examples.make_train_dataset(stub_transform, config, *arguments)
    return [(images.numpy(), targets.numpy()) for images, targets in dataset]


def find_row(image: np.ndarray) -> int:
    (row,) = np.flatnonzero((image == IMAGES).all(axis=(1, 2, 3)))
    return int(row)


def test_batch_holds_half_as_many_pictures_each_twice_with_its_target(examples):
    batches = read_batches(examples)
    assert len(batches) == 4  # 14 // 6 steps in each of 2 epochs, as without
    for images, targets in batches:
        rows = [find_row(image) for image in images]
        assert rows[::2] == rows[1::2]
        assert len(set(rows)) == 3
        np.testing.assert_array_equal(targets, np.eye(7)[[row % 7 for row in rows]])


def test_views_are_augmented_in_different_ways_and_one_is_mirrored(examples):
    for images, _ in read_batches(examples, replace(NO_AUGMENTATION, flip=True)):
        np.testing.assert_array_equal(images[::2], images[1::2, :, ::-1])
    for images, _ in read_batches(examples, AugmentationConfig(flip=False), crop_px=40):
        assert images.shape == (6, 40, 40, 1)
        assert (np.abs(images[::2] - images[1::2]).max(axis=(1, 2, 3)) > 0.1).all()


def test_views_are_mixed_alike(examples):
    mixed = replace(NO_AUGMENTATION, mixed_fraction=1.0, mixup_alpha=1.0, cutmix_alpha=1.0)
    plain = read_batches(examples)
    for (images, targets), (plain_images, _) in zip(read_batches(examples, mixed), plain, strict=True):
        np.testing.assert_array_equal(images[::2], images[1::2])
        np.testing.assert_array_equal(targets[::2], targets[1::2])
        assert not np.allclose(images[0], plain_images[0])


def test_views_repeat_and_resume(examples):
    augmentation = AugmentationConfig(mixed_fraction=0.5, cutmix_alpha=0.5)
    whole, again = (read_batches(examples, augmentation) for _ in range(2))
    resumed = read_batches(examples, augmentation, 1)
    for (images, targets), (other_images, other_targets) in zip(whole + whole[2:], again + resumed, strict=True):
        np.testing.assert_array_equal(images, other_images)
        np.testing.assert_array_equal(targets, other_targets)


def test_workers_have_whole_pairs_even_of_a_batch_too_small_for_them(tmp_path):
    for index in range(2):
        write_examples(tmp_path / f"{index}.gz", to_raw(PIXELS[index::2]), [0] * 7)
    examples = scan_examples([str(tmp_path / "*.gz")], 7, shuffle_rows=8)
    for size, rows in ((2, 2), (6, 2), (8, 4)):
        batches = read_batches(examples, NO_AUGMENTATION, 0, Share(1, 2), batch_size=size)
        assert {len(images) for images, _ in batches} == {rows}


def test_fit_with_two_views_learns_as_well(tmp_path):
    result, _ = fit_tiny_network(tmp_path, replace(TINY_TRAINER, epochs=8, consistency_weight=0.5))
    assert result.history[-1].eval_accuracy >= 0.9
