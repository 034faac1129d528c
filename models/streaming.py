"""TFRecord files -> batches, read anew in each epoch: memory holds a bounded number of pictures."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import tensorflow as tf

from configs.spec import TrainerConfig
from fer_tfx.counted import counted
from fer_tfx.errors import ConfigError
from models import dataset
from models.computation import ALONE, Share
from models.dataset import DatasetError, Fold, StoredExamples, Transform
from models.recipe import make_targets

_FILES_AT_ONCE = 8
_ROWS_IN_TURN = 16
_FILE_STREAM, _SHUFFLE_STREAM, _AUGMENT_STREAM = 11, 12, 13  # of random numbers; those of models.dataset are 1 to 5


@dataclass(frozen=True)
class StreamedExamples(StoredExamples):
    """One split on disk, as it was found when it was read through once; see `models.training.TrainExamples`."""

    row_counts: tuple[int, ...]  # of each file
    digest: str  # SHA-256 over all rows in their order
    sample: list[bytes]  # at most 2,048 pictures, those whose own digests are the least
    shuffle_rows: int  # pictures from which each next one is drawn

    def __len__(self) -> int:
        return sum(self.row_counts)

    def share_of(self, share: Share) -> tuple[tuple[str, ...], int]:
        """The files of one worker, and their rows."""
        paths, counts = self.paths[share.index :: share.count], self.row_counts[share.index :: share.count]
        return paths, sum(counts)

    def count_steps(self, batch_size: int, worker_count: int = 1) -> int:
        """See `models.training.TrainExamples`: as many whole batches as the worker with the fewest rows has."""
        if batch_size < worker_count:
            expected = f"expected at least 1 for each of {worker_count} workers"
            raise ConfigError(f"trainer.batch_size: {expected}, got {batch_size}")
        if len(self.paths) < worker_count:
            found = f"{counted(len(self.paths), 'file')} of examples for {counted(worker_count, 'worker')}"
            raise DatasetError(f"{found}: each needs one, so write more shards or train with fewer workers")
        rows = min(self.share_of(Share(index, worker_count))[1] for index in range(worker_count))
        steps = rows // (batch_size // worker_count)
        if not steps:
            raise DatasetError(
                f"{counted(rows, 'row')} for a worker, fewer than its part of trainer.batch_size {batch_size}:"
                " lower that, or set training_input.mode=memory"
            )
        return steps

    def make_train_dataset(
        self, transform: Transform, config: TrainerConfig, start_epoch: int = 0, share: Share = ALONE
    ) -> tf.data.Dataset:
        """See `models.training.TrainExamples`: an epoch shuffles the files and leaves out rows that fill no step."""
        count = dataset.count_pictures(config.batch_size // share.count, config)
        steps = self.count_steps(config.batch_size, share.count)
        paths = tf.constant(self.share_of(share)[0])

        def shuffle(epoch: tf.Tensor) -> tf.data.Dataset:
            order = tf.random.experimental.stateless_shuffle(paths, dataset.fold_seed(config.seed, _FILE_STREAM, epoch))
            rows = tf.data.Dataset.from_tensor_slices(order).interleave(
                partial(dataset.read_records, unseen=self.unseen),
                cycle_length=_FILES_AT_ONCE,
                block_length=_ROWS_IN_TURN,
                num_parallel_calls=2,
                deterministic=True,
            )
            # Of a folded seed, the first number alone is the same in every epoch.
            seed = tf.random.stateless_uniform(
                [], dataset.fold_seed(config.seed, _SHUFFLE_STREAM, epoch), minval=None, maxval=None, dtype=tf.int64
            )
            shuffled = rows.shuffle(self.shuffle_rows, seed=seed)
            return shuffled.batch(count, drop_remainder=True).take(steps).enumerate(epoch * steps)

        def load(step: tf.Tensor, batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            pixels, class_indices, targets = self.parse(batch)
            trained_on = make_targets(class_indices, targets, config)
            # A fair coin for each picture, tossed by its bytes.
            is_odd = tf.equal(tf.strings.to_hash_bucket_strong(pixels, 2, key=[config.seed, 0]), 1)
            seed = dataset.fold_seed(config.seed, _AUGMENT_STREAM, step * share.count + share.index)
            return dataset.draw_batch(transform(pixels), trained_on, is_odd, step // steps, seed, config)

        return dataset.make_epochs(shuffle, load, range(start_epoch, config.epochs))


def scan_examples(
    patterns: Iterable[str], class_count: int, shuffle_rows: int, unseen: Fold | None = None
) -> StreamedExamples:
    """Read what `dataset.find_examples` finds once; errors as in `dataset.read_examples`."""
    paths = dataset.find_examples(patterns, class_count, unseen).paths
    digest = hashlib.sha256()
    sample: list[tuple[bytes, bytes]] = []
    counts = []
    for path in paths:
        counts.append(0)
        for pixels, class_indices, targets in dataset.read_batches(StoredExamples((path,), class_count, unseen)):
            digest.update(b"".join(pixels))
            digest.update(class_indices.tobytes())
            if targets.any():
                digest.update(targets.tobytes())
            counts[-1] += len(pixels)
            keyed = [(hashlib.blake2b(picture, digest_size=8).digest(), picture) for picture in pixels]
            sample = sorted([*sample, *keyed])[: dataset.SAMPLE_COUNT]
    pictures = [picture for _, picture in reversed(sample)]
    found = tuple(counts), digest.hexdigest(), pictures
    return StreamedExamples(paths, class_count, unseen, *found, shuffle_rows)
