"""TFRecords -> batches. Everything random is a function of seed, epoch and step, so a resumed run repeats it.

The train split is held in memory as raw bytes (FER2013's: 66 MB) and decoded batch by batch; the eval split may stay
on disk.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from configs.spec import TrainerConfig
from fer_tfx.contract import IMAGE_SIZE_PX, LABEL_KEY, PIXELS_KEY
from fer_tfx.errors import FerError
from models.augmentation import augment

Transform = Callable[[tf.Tensor], tf.Tensor]
"""Raw pictures, string (batch,), -> images, float32 (batch, 48, 48, 1)."""

_READ_BATCH_SIZE = 1024
ROW_BYTES = 2_400
"""That a row of `LabelledExamples` takes: 2,304 of its picture, 8 of its class, the rest for keeping them."""
_EVAL_BATCH_SIZE = 256
_FEATURES = {PIXELS_KEY: tf.io.FixedLenFeature([], tf.string), LABEL_KEY: tf.io.FixedLenFeature([], tf.int64)}

# Streams of random numbers: one key each, so that no stream repeats another's numbers.
_SHUFFLE_STREAM = 1
_AUGMENT_STREAM = 2
_FLIP_STREAM = 3


class DatasetError(FerError):
    """Files of examples are missing, empty or unreadable."""


class Examples(Protocol):
    """One split, wherever it lies."""

    def make_batches(self, size: int) -> tf.data.Dataset:
        """All rows in their order: elements (raw pictures string (b,), class_indices int64 (b,)), the last smaller."""


@dataclass(frozen=True)
class LabelledExamples:
    """One split in memory."""

    pixels: tf.Tensor | tf.Variable
    """string (n,), each value 2,304 raw uint8 bytes."""
    class_indices: tf.Tensor
    """int64 (n,), 0-6."""

    def __len__(self) -> int:
        return int(self.pixels.shape[0])

    def make_batches(self, size: int) -> tf.data.Dataset:
        """See `Examples`."""
        return tf.data.Dataset.range(len(self)).batch(size).map(self.take)

    def take(self, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Pictures and classes of these rows, int64 (b,). Reading all of a variable would copy all of it."""
        return tf.gather(self.pixels, rows), tf.gather(self.class_indices, rows)


@dataclass(frozen=True)
class StoredExamples:
    """One split on disk."""

    paths: tuple[str, ...]
    """GZIP TFRecord files, by name, so that the same files always give the same order."""

    def make_batches(self, size: int) -> tf.data.Dataset:
        """See `Examples`."""
        return read_records(self.paths).batch(size).map(parse, num_parallel_calls=tf.data.AUTOTUNE)


def find_examples(patterns: Iterable[str]) -> StoredExamples:
    """The files that match any of `patterns` (paths or globs), by name.

    Raises:
        DatasetError: a pattern matches none, as where a span of a window is gone, or there is no example in them.
    """
    found = {pattern: tf.io.gfile.glob(pattern) for pattern in patterns}
    if missing := [pattern for pattern, paths in found.items() if not paths] or not found:
        raise DatasetError(f"expected files of examples at {missing or 'a pattern'}, found none; run ExampleGen first")
    stored = StoredExamples(tuple(sorted({path for paths in found.values() for path in paths})))
    if not count_examples(stored, most=1):
        raise DatasetError(f"expected at least one example in {stored.paths}, found none; look at ExampleGen's counts")
    return stored


def count_examples(stored: StoredExamples, most: int | None = None) -> int:
    """Rows of the files, of which no more than `most` are looked at.

    Raises:
        DatasetError: a file can't be read.
    """
    batches = read_records(stored.paths).take(-1 if most is None else most).batch(_READ_BATCH_SIZE)
    with _told_of(stored.paths):
        return int(batches.reduce(tf.constant(0, tf.int64), lambda count, batch: count + tf.size(batch, tf.int64)))


def read_batches(examples: Examples) -> Iterator[tuple[NDArray[np.object_], NDArray[np.int64]]]:
    """Raw pictures, bytes (b,), and their classes, (b,), a thousand at a time.

    Raises:
        DatasetError: a file holds something else than labelled examples.
    """
    with _told_of(examples.paths if isinstance(examples, StoredExamples) else ()):
        yield from examples.make_batches(_READ_BATCH_SIZE).as_numpy_iterator()


def read_examples(patterns: Iterable[str]) -> LabelledExamples:
    """Read all labelled examples of the GZIP TFRecord files that match any of `patterns` (paths or globs).

    No row is held twice, not even for a while: the rows are counted first, and then put into their places.

    Raises:
        DatasetError: no file matches, or the files hold no example or something else than labelled examples.
    """
    stored = find_examples(patterns)
    count = count_examples(stored)
    with tf.device("CPU"):
        # A tensor can't be filled in parts, a variable can.
        pixels = tf.Variable(lambda: tf.raw_ops.Empty(shape=[count], dtype=tf.string, init=True), trainable=False)
    class_indices, start = [], 0
    for raw, classes in read_batches(stored):
        end = start + len(classes)
        tf.raw_ops.ResourceStridedSliceAssign(ref=pixels.handle, begin=[start], end=[end], strides=[1], value=raw)
        class_indices.append(classes)
        start = end
    return LabelledExamples(pixels, tf.constant(np.concatenate(class_indices)))


@contextmanager
def _told_of(paths: Iterable[str]) -> Iterator[None]:
    """Within the block TensorFlow's errors become a DatasetError that names the files."""
    try:
        yield
    except tf.errors.OpError as error:
        raise DatasetError(
            f"expected GZIP files of labelled examples at {list(paths)}, got: {error.message}"
        ) from error


def read_records(paths: Iterable[str] | tf.Tensor) -> tf.data.Dataset:
    """Serialised examples of GZIP TFRecord files: elements string ()."""
    return tf.data.TFRecordDataset(paths if isinstance(paths, tf.Tensor) else list(paths), compression_type="GZIP")


def parse(batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Serialised examples, string (b,) -> raw pictures, string (b,), and class_indices, int64 (b,)."""
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
        raw, class_indices = examples.take(indices)
        images = transform(raw)
        # Each picture is seen both ways in any two epochs: alternating flip, Jordan 2024, arXiv:2404.00498.
        is_flipped = tf.not_equal(tf.gather(is_odd, indices), epoch % 2 == 1) & config.augmentation.flip
        seed = _fold_seed(config.seed, _AUGMENT_STREAM, step)
        images = augment(images, is_flipped, seed, config.augmentation, compute_size_px(epoch, config))
        return images, class_indices

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


def make_eval_dataset(examples: Examples, transform: Transform) -> tf.data.Dataset:
    """All examples once, in order, without augmentation.

    Returns:
        Elements (images float32 (b, 48, 48, 1), class_indices int64 (b,)); the last batch may be smaller.
    """
    return (
        examples.make_batches(_EVAL_BATCH_SIZE)
        .map(lambda pixels, class_indices: (transform(pixels), class_indices), num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
    )
