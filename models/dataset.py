"""TFRecords -> batches, from memory. All that is random is a function of seed, epoch and step, for a resumed run."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from configs.spec import TrainerConfig
from fer_tfx.contract import IMAGE_SIZE_PX, LABEL_KEY, PIXEL_COUNT, PIXELS_KEY, TARGET_KEY
from fer_tfx.errors import FerError
from models.computation import ALONE, Share
from models.recipe import augment, make_targets, mix

Transform = Callable[[tf.Tensor], tf.Tensor]
"""Raw pictures, string (batch,), -> images, float32 (batch, 48, 48, 1); the same for each pixel of any picture."""
Rows = tuple[tf.Tensor, tf.Tensor, tf.Tensor]
"""Raw pictures, string (b,), class_indices, int64 (b,), and targets, float32 (b, classes), all 0 for none."""

ROW_BYTES = 2_400  # memory per row of `LabelledExamples`: 2,304 of its picture, the rest for label and target
SAMPLE_COUNT = 2048  # pictures to calibrate batch normalisation with: 1 s on a CPU
_READ_BATCH_SIZE = 1024
_EVAL_BATCH_SIZE = 256
_READY_BATCHES = 4
_PIXELS = {PIXELS_KEY: tf.io.FixedLenFeature([], tf.string)}
_MOST_SUM_ERROR = 1e-3  # of a target

# Streams of random numbers: one key each, so that no stream repeats another's numbers.
_SHUFFLE_STREAM, _AUGMENT_STREAM, _FLIP_STREAM, _MIX_STREAM, _VIEW_STREAM = 1, 2, 3, 4, 5


class DatasetError(FerError):
    """Examples are missing or unreadable."""


@dataclass(frozen=True)
class Fold:
    """Rows that a training must not see: one of `count` parts, by a hash of the picture."""

    index: int
    count: int


@dataclass(frozen=True)
class LabelledExamples:
    """One split in memory; see `models.training.TrainExamples`."""

    pixels: tf.Tensor | tf.Variable  # string (n,), each value 2,304 raw uint8 bytes
    class_indices: tf.Tensor  # int64 (n,)
    targets: tf.Tensor  # float32 (n, classes), see `Rows`

    def __len__(self) -> int:
        return int(self.pixels.shape[0])

    def make_batches(self, size: int) -> tf.data.Dataset:
        """All rows in their order: elements are `Rows`."""
        return tf.data.Dataset.range(len(self)).batch(size).map(self.take)

    def take(self, rows: tf.Tensor) -> Rows:
        """These rows, int64 (b,). Reading a whole variable would copy it."""
        return tf.gather(self.pixels, rows), tf.gather(self.class_indices, rows), tf.gather(self.targets, rows)

    def count_steps(self, batch_size: int, worker_count: int = 1) -> int:
        """Whole batches, but one smaller batch when there is no whole one."""
        return max(1, len(self) // batch_size)

    def make_train_dataset(
        self, transform: Transform, config: TrainerConfig, start_epoch: int = 0, share: Share = ALONE
    ) -> tf.data.Dataset:
        """See `models.training.TrainExamples`. Each epoch leaves out another remainder, so that batches are whole."""
        batch_size, steps = min(config.batch_size, len(self)), self.count_steps(config.batch_size)
        count = count_pictures(batch_size, config)
        is_odd = tf.random.stateless_uniform([len(self)], tf.constant([config.seed, _FLIP_STREAM], tf.int64)) < 0.5

        def shuffle(epoch: tf.Tensor) -> tf.data.Dataset:
            seed = fold_seed(config.seed, _SHUFFLE_STREAM, epoch)
            order = tf.random.experimental.stateless_shuffle(tf.range(len(self), dtype=tf.int64), seed)
            batches = tf.reshape(order[: steps * count], [steps, count])
            return tf.data.Dataset.from_tensor_slices((epoch * steps + tf.range(steps, dtype=tf.int64), batches))

        def load(step: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            raw, class_indices, targets = self.take(rows)
            trained_on = make_targets(class_indices, targets, config)
            seed = fold_seed(config.seed, _AUGMENT_STREAM, step)
            return draw_batch(transform(raw), trained_on, tf.gather(is_odd, rows), step // steps, seed, config)

        return make_epochs(shuffle, load, range(start_epoch, config.epochs))

    @property
    def sample(self) -> tf.Tensor:
        """See `models.training.TrainExamples`."""
        return self.take(tf.range(0, len(self), max(1, len(self) // SAMPLE_COUNT)))[0]


@dataclass(frozen=True)
class StoredExamples:
    """One split on disk."""

    paths: tuple[str, ...]  # of GZIP TFRecord files, sorted, so that the same files always give the same order
    class_count: int
    unseen: Fold | None  # rows that are left out

    def make_batches(self, size: int) -> tf.data.Dataset:
        """See `LabelledExamples.make_batches`."""
        return read_records(self.paths, self.unseen).batch(size).map(self.parse, num_parallel_calls=tf.data.AUTOTUNE)

    def parse(self, batch: tf.Tensor) -> Rows:
        """Serialised examples, string (b,) -> their rows."""
        others = {
            LABEL_KEY: tf.io.FixedLenFeature([], tf.int64),
            TARGET_KEY: tf.io.FixedLenFeature([self.class_count], tf.float32, [0.0] * self.class_count),
        }
        features = tf.io.parse_example(batch, _PIXELS | others)
        return features[PIXELS_KEY], features[LABEL_KEY], features[TARGET_KEY]


Examples = LabelledExamples | StoredExamples


def find_examples(patterns: Iterable[str], class_count: int, unseen: Fold | None = None) -> StoredExamples:
    """The GZIP TFRecord files that match any of `patterns` (paths or globs), without the rows of `unseen`.

    Raises DatasetError if no example is left.
    """
    found = {pattern: tf.io.gfile.glob(pattern) for pattern in patterns}
    if missing := [pattern for pattern, paths in found.items() if not paths] or not found:
        raise DatasetError(f"expected files of examples at {missing or 'a pattern'}, found none; run ExampleGen first")
    stored = StoredExamples(tuple(sorted({path for paths in found.values() for path in paths})), class_count, unseen)
    if not count_examples(stored, most=1):
        raise DatasetError(f"expected at least one example in {stored.paths}, found none; see ExampleGen's counts")
    return stored


def count_rows(pattern: str, unseen: Fold | None = None) -> int:
    """Rows of the files that match a pattern, without those of `unseen`; DatasetError if a file can't be read."""
    paths = tuple(sorted(tf.io.gfile.glob(pattern)))
    return count_examples(StoredExamples(paths, 0, unseen)) if paths else 0


def count_examples(stored: StoredExamples, most: int | None = None) -> int:
    """Rows of the files, of which no more than `most` are read; DatasetError if a file can't be read."""
    batches = read_records(stored.paths, stored.unseen).take(-1 if most is None else most).batch(_READ_BATCH_SIZE)
    with _naming(stored.paths):
        return int(batches.reduce(tf.constant(0, tf.int64), lambda count, batch: count + tf.size(batch, tf.int64)))


def read_batches(
    examples: Examples,
) -> Iterator[tuple[NDArray[np.object_], NDArray[np.int64], NDArray[np.float32]]]:
    """`Rows` as arrays, a thousand at a time; DatasetError if a file has others, or a target is no distribution."""
    paths = examples.paths if isinstance(examples, StoredExamples) else ()
    with _naming(paths):
        for raw, class_indices, targets in examples.make_batches(_READ_BATCH_SIZE).as_numpy_iterator():
            sums = targets.sum(axis=1)
            is_sound = (targets >= 0.0).all(axis=1) & ((abs(sums - 1.0) < _MOST_SUM_ERROR) | (sums == 0.0))
            if not is_sound.all():
                found = targets[~is_sound][0].tolist()
                raise DatasetError(f"expected in `{TARGET_KEY}` of {list(paths)} shares that sum to 1, got {found}")
            yield raw, class_indices, targets


def read_examples(patterns: Iterable[str], class_count: int, unseen: Fold | None = None) -> LabelledExamples:
    """Read what `find_examples` finds into memory, where no row is ever held twice."""
    stored = find_examples(patterns, class_count, unseen)
    count = count_examples(stored)
    with tf.device("CPU"):
        # A tensor can't be filled in parts, a variable can.
        pixels = tf.Variable(lambda: tf.raw_ops.Empty(shape=[count], dtype=tf.string, init=True), trainable=False)
    others, start = [], 0
    for raw, *labels in read_batches(stored):
        end = start + len(raw)
        tf.raw_ops.ResourceStridedSliceAssign(ref=pixels.handle, begin=[start], end=[end], strides=[1], value=raw)
        others.append(labels)
        start = end
    return LabelledExamples(pixels, *(tf.constant(np.concatenate(each)) for each in zip(*others, strict=True)))


@contextmanager
def _naming(paths: Iterable[str]) -> Iterator[None]:
    """TensorFlow's errors become a DatasetError that names the files."""
    try:
        yield
    except tf.errors.OpError as error:
        expected = f"expected GZIP files of labelled examples at {list(paths)}"
        raise DatasetError(f"{expected}, got: {error.message}") from error


def read_records(paths: Iterable[str] | tf.Tensor, unseen: Fold | None = None) -> tf.data.Dataset:
    """Serialised examples, string (), of GZIP TFRecord files, without those of the fold `unseen`."""
    paths = paths if isinstance(paths, tf.Tensor) else list(paths)
    records = tf.data.TFRecordDataset(paths, compression_type="GZIP")
    if unseen is None:
        return records

    def keep_seen(batch: tf.Tensor) -> tf.Tensor:
        return tf.boolean_mask(batch, find_folds(batch, unseen.count) != unseen.index)

    return records.batch(_READ_BATCH_SIZE).map(keep_seen).unbatch()


def find_folds(examples: tf.Tensor, count: int) -> tf.Tensor:
    """The fold of each serialised example, string (b,), by its picture: int64 (b,), below `count`."""
    return tf.strings.to_hash_bucket_fast(tf.io.parse_example(examples, _PIXELS)[PIXELS_KEY], count)


def make_epochs(
    shuffle: Callable[[tf.Tensor], tf.data.Dataset], load: Callable[..., tuple[tf.Tensor, tf.Tensor]], epochs: range
) -> tf.data.Dataset:
    """What `load` makes of the elements of `shuffle`, epoch after epoch, in a fixed order."""
    elements = tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(shuffle)
    return _prefetch(elements.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True))


def _prefetch(batches: tf.data.Dataset) -> tf.data.Dataset:
    """With some batches ready, but without tuning how many: its thread ends up to a minute after the iteration."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.prefetch(_READY_BATCHES).with_options(options)


def count_pictures(batch_size: int, config: TrainerConfig) -> int:
    """How many different pictures a batch holds."""
    return max(1, batch_size // 2) if config.consistency_weight else batch_size


def draw_batch(
    images: tf.Tensor,
    targets: tf.Tensor,
    is_odd: tf.Tensor,
    epoch: tf.Tensor,
    seed: tf.Tensor,
    config: TrainerConfig,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Augmented images of `epoch`, int64 () from 0, `crop_px` wide, but 48 in the last epochs; and their targets.

    Images are float32 (b, 48, 48, 1), targets distributions, float32 (b, classes). With `consistency_weight`, rows 2i
    and 2i + 1 of 2 b are two views of picture i, one of them mirrored. Otherwise each is mirrored in every second
    epoch, where `is_odd`, bool (b,), from the first (Jordan 2024, arXiv:2404.00498).
    """
    is_flipped = tf.not_equal(is_odd, epoch % 2 == 1) & config.augmentation.flip
    first_whole_epoch = round(config.epochs * (1.0 - config.full_size_fraction))
    size_px = tf.where(epoch < first_whole_epoch, config.crop_px, IMAGE_SIZE_PX)
    streams = tf.constant([_MIX_STREAM, _VIEW_STREAM], tf.int64)
    mix_seed, view_seed = (tf.random.experimental.stateless_fold_in(seed, stream) for stream in tf.unstack(streams))

    def draw_view(is_flipped: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        view = augment(images, is_flipped, seed, config.augmentation, size_px)
        return (
            mix(view, targets, mix_seed, config.augmentation) if config.augmentation.mixed_fraction else (view, targets)
        )

    view, view_targets = draw_view(is_flipped, seed)
    if not config.consistency_weight:
        return view, view_targets
    other_view, _ = draw_view(~is_flipped & config.augmentation.flip, view_seed)
    views = tf.reshape(tf.stack([view, other_view], axis=1), [-1, size_px, size_px, 1])
    return views, tf.repeat(view_targets, 2, axis=0)


def fold_seed(seed: int, stream: int, position: tf.Tensor) -> tf.Tensor:
    """Seed of one position of one stream of random numbers: int64 (2,)."""
    return tf.random.experimental.stateless_fold_in(tf.constant([seed, stream], tf.int64), position)


def make_image_dataset(raw: tf.Tensor, transform: Transform, batch_size: int) -> tf.data.Dataset:
    """Whole batches of raw pictures, string (n,), as they are when served: float32 (batch, 48, 48, 1)."""
    size = min(batch_size, len(raw))
    return _prefetch(tf.data.Dataset.from_tensor_slices(raw).batch(size, drop_remainder=True).map(transform))


def make_eval_dataset(examples: Examples, transform: Transform) -> tf.data.Dataset:
    """All examples once, in order: elements (images float32 (b, 48, 48, 1), class_indices int64 (b,))."""

    def load(pixels: tf.Tensor, class_indices: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return transform(pixels), class_indices

    return _prefetch(examples.make_batches(_EVAL_BATCH_SIZE).map(load, num_parallel_calls=tf.data.AUTOTUNE))


def compute_data_digest(splits: Sequence[Examples], transform: Transform, how: object = "") -> str:
    """SHA-256 over splits, what `transform` does, and the `repr` of `how`; which files hold the rows doesn't count."""
    digest = hashlib.sha256(repr(how).encode() if how else b"")
    for examples in splits:
        others = []
        for raw, *labels in read_batches(examples):
            digest.update(b"".join(raw))
            others.append(labels)
        class_indices, targets = (np.concatenate(each) for each in zip(*others, strict=True))
        digest.update(class_indices.tobytes())
        if targets.any():
            digest.update(targets.tobytes())
    every_value = (np.arange(PIXEL_COUNT) % 256).astype(np.uint8).tobytes()
    digest.update(transform(tf.constant([every_value])).numpy().tobytes())
    return digest.hexdigest()
