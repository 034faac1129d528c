"""TFRecord files -> batches, read anew in each epoch: memory holds a bounded number of pictures.

Everything random is a function of seed, epoch and step, as in `models.dataset`, so a resumed run repeats it.
"""

import hashlib
import heapq
from collections.abc import Iterable
from dataclasses import dataclass

import tensorflow as tf

from configs.spec import TrainerConfig
from fer_tfx.errors import ConfigError
from models.augmentation import augment
from models.dataset import (
    DatasetError,
    StoredExamples,
    Transform,
    compute_size_px,
    find_examples,
    parse,
    read_batches,
    read_records,
)

_FILES_AT_ONCE = 8
_ROWS_IN_TURN = 16
_SAMPLE_SIZE = 2048

# One stream of random numbers each; those of models.dataset are 1 to 3.
_FILE_STREAM = 11
_SHUFFLE_STREAM = 12
_AUGMENT_STREAM = 13


@dataclass(frozen=True)
class Share:
    """Which of the workers that train together this one is; alone: the first of one."""

    index: int = 0
    count: int = 1


@dataclass(frozen=True)
class StreamedExamples(StoredExamples):
    """One split on disk, as it was found when it was read through once."""

    row_counts: tuple[int, ...]
    """Rows of each file."""
    digest: str
    """SHA-256 over all rows in their order."""
    sample: tuple[bytes, ...]
    """At most 2,048 pictures, drawn evenly: those whose own digests are the least."""

    def __len__(self) -> int:
        return sum(self.row_counts)

    def share_of(self, share: Share) -> "tuple[tuple[str, ...], int]":
        """The files of one worker, and their rows."""
        paths, counts = self.paths[share.index :: share.count], self.row_counts[share.index :: share.count]
        return paths, sum(counts)


def scan_examples(patterns: Iterable[str]) -> StreamedExamples:
    """Read the files that match any of `patterns` (paths or globs) through once, a thousand rows at a time.

    Raises:
        DatasetError: no file matches, or the files hold no example or something else than labelled examples.
    """
    paths = find_examples(patterns).paths
    digest = hashlib.sha256()
    sample: list[tuple[int, bytes]] = []
    counts = [_scan_file(path, digest, sample) for path in paths]
    pictures = tuple(picture for _, picture in sorted(sample))
    return StreamedExamples(paths, tuple(counts), digest.hexdigest(), pictures)


# `digest` is a hash object; hashlib doesn't give their type a public name.
def _scan_file(path: str, digest: "hashlib._Hash", sample: list[tuple[int, bytes]]) -> int:
    count = 0
    for pixels, class_indices in read_batches(StoredExamples((path,))):
        digest.update(b"".join(pixels))
        digest.update(class_indices.tobytes())
        count += len(pixels)
        for picture in pixels:
            _keep_least(sample, picture)
    return count


def _keep_least(sample: list[tuple[int, bytes]], picture: bytes) -> None:
    """A heap of the pictures with the least digests; negative, since the heap shows its least first."""
    entry = (-int.from_bytes(hashlib.blake2b(picture, digest_size=8).digest(), "big"), picture)
    if len(sample) < _SAMPLE_SIZE:
        heapq.heappush(sample, entry)
    else:
        heapq.heappushpop(sample, entry)


def count_streamed_steps(examples: StreamedExamples, batch_size: int, worker_count: int = 1) -> int:
    """Training steps per epoch: as many whole batches as the worker with the fewest rows has.

    Raises:
        ConfigError: a batch has less than one row for each worker.
        DatasetError: there are fewer files than workers, or a worker has not even one batch.
    """
    if batch_size < worker_count:
        raise ConfigError(
            f"trainer.batch_size: expected at least 1 for each of {worker_count} workers, got {batch_size}"
        )
    if len(examples.paths) < worker_count:
        raise DatasetError(
            f"{len(examples.paths)} files of examples for {worker_count} workers: give each worker one, so write more"
            " shards or train with fewer workers"
        )
    rows = min(examples.share_of(Share(index, worker_count))[1] for index in range(worker_count))
    steps = rows // (batch_size // worker_count)
    if not steps:
        raise DatasetError(
            f"{rows} rows for a worker, fewer than its part of trainer.batch_size {batch_size}: lower that, or set"
            " training_input.mode=memory"
        )
    return steps


def make_streamed_train_dataset(
    examples: StreamedExamples,
    transform: Transform,
    config: TrainerConfig,
    shuffle_rows: int,
    start_epoch: int = 0,
    share: Share = Share(),
) -> tf.data.Dataset:
    """Shuffled, augmented batches of this worker, of the epochs from `start_epoch` to the last, one after the other.

    In each epoch the files come in another order, eight are read at once in turns, and each picture is drawn from
    the `shuffle_rows` that lie next. A batch depends on seed, epoch, step and worker only. What is left of an epoch
    after the last whole step is left out, other pictures in each epoch.

    Returns:
        Elements (images float32 (b, size, size, 1), class_indices int64 (b,)) with b = batch_size / worker count and
        the size that `compute_size_px` gives.
    """
    batch_size = config.batch_size // share.count
    steps = count_streamed_steps(examples, config.batch_size, share.count)
    paths = tf.constant(examples.share_of(share)[0])

    def read_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        rows = _shuffle(paths, config.seed, epoch, shuffle_rows)
        batches = rows.batch(batch_size, drop_remainder=True).take(steps)
        return batches.enumerate(epoch * steps)

    def load(step: tf.Tensor, batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pixels, class_indices = parse(batch)
        epoch = step // steps
        # Each picture is seen both ways in any two epochs, see models.dataset; here its bytes are the coin.
        is_odd = tf.equal(tf.strings.to_hash_bucket_strong(pixels, 2, key=[config.seed, 0]), 1)
        is_flipped = tf.not_equal(is_odd, epoch % 2 == 1) & config.augmentation.flip
        seed = _fold_seed(config.seed, _AUGMENT_STREAM, step * share.count + share.index)
        images = augment(transform(pixels), is_flipped, seed, config.augmentation, compute_size_px(epoch, config))
        return images, class_indices

    return (
        tf.data.Dataset.range(start_epoch, config.epochs)
        .flat_map(read_epoch)
        .map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .prefetch(tf.data.AUTOTUNE)
    )


def _shuffle(paths: tf.Tensor, seed: int, epoch: tf.Tensor, shuffle_rows: int) -> tf.data.Dataset:
    """All rows of the files in an order that belongs to this epoch: elements string ()."""
    order = tf.random.experimental.stateless_shuffle(paths, _fold_seed(seed, _FILE_STREAM, epoch))
    rows = tf.data.Dataset.from_tensor_slices(order).interleave(
        read_records, cycle_length=_FILES_AT_ONCE, block_length=_ROWS_IN_TURN, num_parallel_calls=2, deterministic=True
    )
    return rows.shuffle(shuffle_rows, seed=_fold_seed(seed, _SHUFFLE_STREAM, epoch)[0])


def _fold_seed(seed: int, stream: int, position: tf.Tensor) -> tf.Tensor:
    """Seed of one position of one stream: int64 (2,)."""
    return tf.random.experimental.stateless_fold_in(tf.constant([seed, stream], tf.int64), position)


def make_sample_dataset(examples: StreamedExamples, transform: Transform, batch_size: int) -> tf.data.Dataset:
    """Batches of the sample as it is when served: elements float32 (batch, 48, 48, 1), of one size."""
    size = min(batch_size, len(examples.sample))
    pixels = tf.constant(list(examples.sample))
    return tf.data.Dataset.from_tensor_slices(pixels).batch(size, drop_remainder=True).map(transform).prefetch(1)
