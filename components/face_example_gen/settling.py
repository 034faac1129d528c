"""Rows -> examples in their splits, in Beam: spooled, grouped by picture slice by slice, settled and written.

Each slice gives one file for each split, sorted by picture: the same bytes in every run, in whatever order the rows
came and on however many workers.
"""

import itertools
import os
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Any

import apache_beam as beam
import tensorflow as tf
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue
from tfx.dsl.io import fileio

from components.face_example_gen.outcomes import tag_counts
from components.face_example_gen.repeats import Candidate, Settled, has_conflict, settle
from components.face_example_gen.spool import Segment, read_slice, write_run
from fer_tfx.contract import CLASS_NAMES
from reporting.ingestion import CONFLICT, DROPPED, EMITTED, Outcome
from schema.example import to_example


class Spool(beam.DoFn):  # type: ignore[misc]
    """Candidates -> (slice, segment), in runs of at most `run_bytes` of pixels."""

    def __init__(self, slice_count: int, run_bytes: int, folder: str):
        self._slice_count = slice_count
        self._run_bytes = run_bytes
        self._folder = folder

    def start_bundle(self) -> None:
        self._buffer: list[Candidate] = []
        self._size = 0

    def process(self, candidate: Candidate) -> Iterator[tuple[int, tuple[Any, ...]]]:
        self._buffer.append(candidate)
        self._size += len(candidate.pixels)
        if self._size >= self._run_bytes:
            yield from self._spill()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        window = GlobalWindow()
        return (WindowedValue(each, window.max_timestamp(), [window]) for each in self._spill())

    def _spill(self) -> Iterator[tuple[int, tuple[Any, ...]]]:
        candidates, self._buffer, self._size = self._buffer, [], 0
        if candidates:
            for number, segment in write_run(candidates, self._slice_count, self._folder):
                yield number, tuple(segment)


class Settle(beam.DoFn):  # type: ignore[misc]
    """(slice, segments) -> files of examples; what leaves the stage are counted outcomes."""

    def __init__(self, drop_repeats: bool, split_uris: dict[str, str], folder: str):
        self._drop_repeats = drop_repeats
        self._split_uris = split_uris
        self._folder = folder

    def process(self, element: tuple[int, Iterable[tuple[Any, ...]]]) -> Iterator[beam.pvalue.TaggedOutput]:
        number, segments = element
        counts: Counter[Outcome] = Counter()
        kept: dict[str, list[Candidate]] = defaultdict(list)
        for candidate, drop_reason in self._settle_all(read_slice(Segment(*each) for each in segments), counts):
            counts[_outcome(candidate, drop_reason)] += 1
            if not drop_reason:
                kept[candidate.split].append(candidate)
        for split, candidates in kept.items():
            fileio.makedirs(self._split_uris[split])
            write_shard(
                candidates, os.path.join(self._split_uris[split], f"data_tfrecord-{number:05d}.gz"), self._folder
            )
        yield from tag_counts(counts)

    def _settle_all(self, candidates: list[Candidate], counts: Counter[Outcome]) -> Iterator[Settled]:
        if not self._drop_repeats:
            yield from (Settled(candidate, "") for candidate in candidates)
            return
        for _, group in itertools.groupby(candidates, attrgetter("digest")):
            copies = list(group)
            counts[CONFLICT,] += has_conflict(copies)
            yield from settle(copies)


def _outcome(candidate: Candidate, drop_reason: str) -> Outcome:
    if drop_reason:
        return (DROPPED, drop_reason)
    class_name = CLASS_NAMES[candidate.class_index] if candidate.class_index >= 0 else ""
    return (EMITTED, candidate.split, class_name)


def write_shard(candidates: Iterable[Candidate], path: str, folder: str) -> None:
    """Write examples to a gzip TFRecord in `folder` and rename it to `path`: killed, nothing is where readers look.

    Its name there is its own: on a cluster a slice may be settled twice at the same time.

    Packed at level 0, that is not at all: gzip takes 60 us for each real picture, four times the rest of the
    writing, to make it 8 % smaller. The gzip frame stays because TFX's readers expect it.
    """
    partial = os.path.join(folder, f"{uuid.uuid4().hex}.partial")
    try:
        with tf.io.TFRecordWriter(partial, tf.io.TFRecordOptions("GZIP", compression_level=0)) as writer:
            for each in candidates:
                class_index = None if each.class_index < 0 else each.class_index
                writer.write(to_example(each.pixels, class_index, each.source, each.row).SerializeToString())
        fileio.rename(partial, path, overwrite=True)
    except BaseException:
        if fileio.exists(partial):
            fileio.remove(partial)
        raise
