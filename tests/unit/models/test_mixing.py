"""Mixup and CutMix: shares, rectangles and targets, in memory and streamed."""

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
from models.recipe import mix
from models.streaming import scan_examples

MIXUP = replace(NO_AUGMENTATION, mixed_fraction=1.0, mixup_alpha=1.0)
CUTMIX = replace(NO_AUGMENTATION, mixed_fraction=1.0, cutmix_alpha=1.0)
EITHER = replace(NO_AUGMENTATION, mixed_fraction=0.5, mixup_alpha=0.2, cutmix_alpha=0.5)
TARGETS = np.eye(7, dtype=np.float32)[:4]
# Picture n is n throughout, so that a pixel of the mixed pictures 0 and 3 tells how much of 3 it holds.
IMAGES = np.broadcast_to(np.arange(4, dtype=np.float32)[:, None, None, None], (4, 40, 40, 1))


def mix_often(config: AugmentationConfig, count: int = 200) -> list[tuple[np.ndarray, np.ndarray]]:
    batches = [mix(IMAGES, TARGETS, tf.constant([5, number], tf.int64), config) for number in range(count)]
    return [(images.numpy(), targets.numpy()) for images, targets in batches]


def read_shares(images: np.ndarray) -> np.ndarray:
    """How much of each pixel of picture 0 is its own: (40, 40)."""
    return 1.0 - images[0, :, :, 0] / 3.0


@pytest.mark.parametrize("config", [MIXUP, CUTMIX, EITHER])
def test_mix_targets_have_the_shares_of_the_pictures(config):
    for images, targets in mix_often(config, 50):
        share = read_shares(images).mean()
        expected = share * TARGETS + (1.0 - share) * TARGETS[::-1]
        np.testing.assert_allclose(targets, expected, atol=1e-5)
        np.testing.assert_allclose(images.mean(axis=(1, 2, 3)), expected @ np.array([0, 1, 2, 3, 0, 0, 0]), atol=1e-4)


@pytest.mark.parametrize("alpha", [0.05, 0.4])
def test_mix_mixup_blends_all_pixels_alike_with_shares_of_the_beta_distribution(alpha):
    shares = np.array([read_shares(images) for images, _ in mix_often(replace(MIXUP, mixup_alpha=alpha), 400)])
    assert np.ptp(shares, axis=(1, 2)).max() < 1e-6
    drawn = shares[:, 0, 0]
    assert drawn.mean() == pytest.approx(0.5, abs=0.06)
    assert drawn.var() == pytest.approx(0.25 / (2 * alpha + 1), abs=0.02)  # of Beta(a, a): 1 / (4 (2 a + 1))


def test_mix_cutmix_replaces_one_rectangle_as_large_as_its_share():
    """With alpha 1 the share replaced, were nothing cut off at the border, would be uniform."""
    shares = []
    for images, _ in mix_often(CUTMIX):
        is_replaced = read_shares(images) < 0.5
        np.testing.assert_array_equal(read_shares(images), np.where(is_replaced, 0.0, 1.0))
        height, width = is_replaced.any(axis=1).sum(), is_replaced.any(axis=0).sum()
        assert is_replaced.sum() == height * width
        if is_replaced[0].any() or is_replaced[-1].any() or is_replaced[:, 0].any() or is_replaced[:, -1].any():
            continue
        assert abs(height - width) <= 1
        shares.append(is_replaced.mean())
    assert len(shares) > 20
    everything = np.mean([(read_shares(images) < 0.5).mean() for images, _ in mix_often(CUTMIX)])
    assert 0.2 < everything < 0.5


def test_mix_share_of_batches_is_mixed_in_either_way():
    kinds = []
    for images, targets in mix_often(EITHER, 400):
        shares = read_shares(images)
        if (shares == 1.0).all():
            np.testing.assert_array_equal(targets, TARGETS)
            kinds.append("none")
        else:
            kinds.append("cutmix" if set(np.unique(shares)) <= {0.0, 1.0} and np.ptp(shares) else "mixup")
    # Shares close to 0 and 1 are frequent with small alphas, and look like no mixing.
    assert 200 <= kinds.count("none") <= 290
    assert kinds.count("cutmix") > 30
    assert kinds.count("mixup") > 50


def read_batches(examples, augmentation, *arguments):
    config = replace(TINY_TRAINER, epochs=4, batch_size=4, label_smoothing=0, augmentation=augmentation)
    dataset = examples.make_train_dataset(stub_transform, config, *arguments)
    return [(images.numpy(), targets.numpy()) for images, targets in dataset]


@pytest.fixture(params=["memory", "stream"])
def examples(request, tmp_path):
    pixels = draw_pixels(14)
    if request.param == "memory":
        return build_examples(pixels, [row % 7 for row in range(14)])
    for index in range(2):
        rows = range(index, 14, 2)
        write_examples(tmp_path / f"{index}.gz", to_raw(pixels[index::2]), [row % 7 for row in rows])
    return scan_examples([str(tmp_path / "*.gz")], 7, shuffle_rows=8)


def test_make_train_dataset_mixes_alike_when_repeated_and_when_resumed(examples):
    batches = read_batches(examples, EITHER)
    assert any(((targets > 0).sum(axis=1) > 1).any() for _, targets in batches)
    steps = len(batches) // 4
    for again, expected in (
        (read_batches(examples, EITHER), batches),
        (read_batches(examples, EITHER, 3), batches[3 * steps :]),
    ):
        for (images, targets), (expected_images, expected_targets) in zip(again, expected, strict=True):
            np.testing.assert_array_equal(images, expected_images)
            np.testing.assert_array_equal(targets, expected_targets)


def test_make_train_dataset_mixed_batches_differ_from_the_plain_ones_in_the_mixing_alone(examples):
    mixed, plain = read_batches(examples, MIXUP), read_batches(examples, NO_AUGMENTATION)
    compared = 0
    for (images, targets), (plain_images, plain_targets) in zip(mixed, plain, strict=True):
        if len(set(plain_targets.argmax(axis=1))) == 4:  # so each picture keeps its share of its own class alone
            share = targets[0, plain_targets[0].argmax()]
            np.testing.assert_allclose(targets, share * plain_targets + (1.0 - share) * plain_targets[::-1], atol=1e-5)
            np.testing.assert_allclose(images, share * plain_images + (1.0 - share) * plain_images[::-1], atol=1e-4)
            compared += 1
    assert compared > 1


def test_workers_draw_other_shares(tmp_path):
    pixels = draw_pixels(14)
    for index in range(2):
        write_examples(tmp_path / f"{index}.gz", to_raw(pixels[:7]), list(range(7)))
    examples = scan_examples([str(tmp_path / "*.gz")], 7, shuffle_rows=8)
    shares = [[targets.max() for _, targets in read_batches(examples, MIXUP, 0, Share(index, 2))] for index in range(2)]
    assert len(shares[0]) == len(shares[1]) == 12
    assert not np.isclose(*shares).any()


def test_fit_mixed_batches_learns_as_well(tmp_path):
    mixed = replace(TINY_TRAINER, epochs=6, augmentation=replace(EITHER, flip=True))
    result, _ = fit_tiny_network(tmp_path, mixed)
    assert result.history[-1].eval_accuracy >= 0.9
