"""TFRecords -> batches. Everything random is a function of seed, epoch and step, so a resumed run repeats it.

A whole split is held in memory as raw bytes (FER2013's train split: 66 MB) and decoded batch by batch.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import tensorflow as tf

from configs.spec import TrainerConfig
from models.augmentation import augment
from schema.contract import IMAGE_SIZE_PX, LABEL_KEY, PIXELS_KEY
from schema.errors import FerError

Transform = Callable[[tf.Tensor], tf.Tensor]
"""Raw pictures, string (batch,), -> images, float32 (batch, 48, 48, 1)."""

_EVAL_BATCH_SIZE = 256
_READ_BATCH_SIZE = 1024
_FEATURES = {PIXELS_KEY: tf.io.FixedLenFeature([], tf.string), LABEL_KEY: tf.io.FixedLenFeature([], tf.int64)}

# Streams of random numbers: one key each, so that no stream repeats another's numbers.
_SHUFFLE_STREAM = 1
_AUGMENT_STREAM = 2
_FLIP_STREAM = 3


class DatasetError(FerError):
    """Files of examples are missing, empty or unreadable."""


@dataclass(frozen=True)
class LabelledExamples:
    """One split in memory."""

    pixels: tf.Tensor
    """string (n,), each value 2,304 raw uint8 bytes."""
    class_indices: tf.Tensor
    """int64 (n,), 0-6."""

    def __len__(self) -> int:
        return int(self.pixels.shape[0])


def read_examples(patterns: Iterable[str]) -> LabelledExamples:
    """Read all labelled examples of the GZIP TFRecord files that match any of `patterns` (paths or globs).

    Files are read in the order of their names, so the same files always give the same order.

    Raises:
        DatasetError: no file matches, or the files hold no example or something else than labelled examples.
    """
    patterns = list(patterns)
    paths = sorted({path for pattern in patterns for path in tf.io.gfile.glob(pattern)})
    if not paths:
        raise DatasetError(f"expected files of examples at {patterns}, found none; run ExampleGen first")
    try:
        batches = [_parse(batch) for batch in _read_batches(paths)]
    except tf.errors.OpError as error:
        raise DatasetError(f"expected GZIP files of labelled examples at {paths}, got: {error.message}") from error
    if not batches:
        raise DatasetError(f"expected at least one example in {paths}, found none; look at ExampleGen's counts")
    pixels, class_indices = zip(*batches, strict=True)
    return LabelledExamples(tf.concat(pixels, axis=0), tf.concat(class_indices, axis=0))


def _read_batches(paths: list[str]) -> tf.data.Dataset:
    return tf.data.TFRecordDataset(paths, compression_type="GZIP").batch(_READ_BATCH_SIZE)


def _parse(batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    features = tf.io.parse_example(batch, _FEATURES)
    return features[PIXELS_KEY], features[LABEL_KEY]


def count_steps_per_epoch(example_count: int, batch_size: int) -> int:
    """Training steps per epoch: whole batches only, but one smaller batch when there is no whole one."""
    return max(1, example_count // batch_size)


def make_train_dataset(
    examples: LabelledExamples, transform: Transform, config: TrainerConfig, start_epoch: int = 0
) -> tf.data.Dataset:
    """Shuffled, augmented batches of the epochs from `start_epoch` to the last, one after the other.

    A batch depends on seed, epoch and step only. The remainder of an epoch is left out: a smaller last batch
    would weigh its pictures more, and each epoch leaves out others.

    Returns:
        Elements (images float32 (b, size, size, 1), class_indices int64 (b,)) with b = min(batch_size, n) and the
        size that `compute_size_px` gives.
    """
    batch_size = min(config.batch_size, len(examples))
    steps = count_steps_per_epoch(len(examples), batch_size)
    is_odd = _draw_bits(len(examples), config.seed)

    def load(step: tf.Tensor, indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        epoch = step // steps
        images = transform(tf.gather(examples.pixels, indices))
        # Each picture is seen both ways in any two epochs: alternating flip, Jordan 2024, arXiv:2404.00498.
        is_flipped = tf.not_equal(tf.gather(is_odd, indices), epoch % 2 == 1) & config.augmentation.flip
        seed = _fold_seed(config.seed, _AUGMENT_STREAM, step)
        images = augment(images, is_flipped, seed, config.augmentation, compute_size_px(epoch, config))
        return images, tf.gather(examples.class_indices, indices)

    return (
        _make_index_batches(len(examples), batch_size, config, start_epoch)
        .map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .prefetch(tf.data.AUTOTUNE)
    )


def compute_size_px(epoch: tf.Tensor, config: TrainerConfig) -> tf.Tensor:
    """Side of the training pictures in `epoch`, int64 () from 0: `crop_px`, but 48 in the last epochs; int32 ()."""
    first_whole_epoch = round(config.epochs * (1.0 - config.full_size_fraction))
    return tf.where(epoch < first_whole_epoch, config.crop_px, IMAGE_SIZE_PX)


def _draw_bits(count: int, seed: int) -> tf.Tensor:
    """A fair coin for each example: bool (count,)."""
    return tf.random.stateless_uniform([count], tf.constant([seed, _FLIP_STREAM], tf.int64)) < 0.5


def _make_index_batches(
    example_count: int, batch_size: int, config: TrainerConfig, start_epoch: int
) -> tf.data.Dataset:
    """Elements (step int64 (), counted from the start of the run; indices int64 (batch_size,))."""
    steps = count_steps_per_epoch(example_count, batch_size)

    def shuffle(epoch: tf.Tensor) -> tf.data.Dataset:
        seed = _fold_seed(config.seed, _SHUFFLE_STREAM, epoch)
        order = tf.random.experimental.stateless_shuffle(tf.range(example_count, dtype=tf.int64), seed)
        batches = tf.reshape(order[: steps * batch_size], [steps, batch_size])
        return tf.data.Dataset.from_tensor_slices((epoch * steps + tf.range(steps, dtype=tf.int64), batches))

    return tf.data.Dataset.range(start_epoch, config.epochs).flat_map(shuffle)


def _fold_seed(seed: int, stream: int, position: tf.Tensor) -> tf.Tensor:
    """Seed of one position of one stream: int64 (2,)."""
    return tf.random.experimental.stateless_fold_in(tf.constant([seed, stream], tf.int64), position)


def make_eval_dataset(examples: LabelledExamples, transform: Transform) -> tf.data.Dataset:
    """All examples once, in order, without augmentation.

    Returns:
        Elements (images float32 (b, 48, 48, 1), class_indices int64 (b,)); the last batch may be smaller.
    """
    return (
        tf.data.Dataset.from_tensor_slices((examples.pixels, examples.class_indices))
        .batch(_EVAL_BATCH_SIZE)
        .map(lambda pixels, class_indices: (transform(pixels), class_indices), num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
    )
