"""Rows -> examples in their splits, in Beam: spooled, grouped by picture slice by slice, settled and written.

Reading fills a buffer; a full one is written as a run, cut into slices by the first bits of the pictures' digests.
Settling takes one slice after the other from all runs, so only one is in memory. A run has a name of its own, and only
runs of finished work are handed on: what a killed worker wrote is never read. Each slice gives one file for each split,
sorted by picture: the same bytes in every run, on however many workers.
"""

import base64
import itertools
import json
import os
import re
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

import apache_beam as beam
import tensorflow as tf
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue
from tfx.dsl.io import fileio
from tfx.utils import io_utils

from components.artifacts import CONFLICTS_FILE, PICTURE_KEY
from configs.library import class_names_of
from configs.spec import DataConfig
from fer_tfx.contract import EVAL_SPLIT, PIXEL_COUNT, TEST_SPLIT, TRAIN_SPLIT
from reporting.ingestion import CONFLICT, DROPPED, EMITTED, KEPT_TWIN, Outcome
from schema.example import to_example

OUTCOMES = "outcomes"
Segment = tuple[str, int, int]  # where a run keeps the candidates of one slice: path, start and size
_MAX_SLICES = 1_000
_CONFLICTS_KEPT = 12  # pictures of each slice, for the page
_DIGEST_BYTES = 32


class Candidate(NamedTuple):
    """A usable row on its way to a split."""

    digest: bytes  # SHA-256 of the pixels
    source: str
    row: int
    split: str
    class_index: int | None
    pixels: bytes  # 2,304 uint8 values, row-major
    target: tuple[float, ...] = ()  # the share of each class; empty: the label alone counts
    is_doubtful: bool = False  # labelled by a class without the majority, so no row to be judged by


def order_of(candidate: Candidate) -> tuple[Any, ...]:
    """Sorts candidates by picture, then by place: what came first wherever the same rows stand.

    Files go by their own names before their folders, so that of pictures in folders by class the first by number
    comes first, as in a table, and not always the class that comes first in the alphabet.
    """
    return candidate.digest, _order_of_file(candidate.source), candidate.row


@lru_cache(maxsize=1_000)
def _order_of_file(source: str) -> tuple[list[str | int], str]:
    parts = re.split(r"([0-9]+)", source.rpartition("/")[2])
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], source


def split_by_digest(digest: bytes, config: DataConfig) -> str:
    """The split of a picture by its SHA-256, the same in every run and on every machine."""
    position = int.from_bytes(digest[:8], "big") / 2**64
    if position < config.test_fraction:
        return TEST_SPLIT
    return EVAL_SPLIT if position < config.test_fraction + config.eval_fraction else TRAIN_SPLIT


def settle(copies: Iterable[Candidate], keep_twins: bool = False) -> Iterator[tuple[Candidate, str]]:
    """All the rows with one and the same picture, each with the reason why it is dropped; empty: it stays.

    Held-out rows always stay. Of the training rows the first stays, unless the picture is held out: then all go, but
    for that first one with `keep_twins`.
    """
    in_order = sorted(copies, key=order_of)
    held_out = find_held_out(in_order)
    reason = held_out_reason(held_out) if held_out and not keep_twins else ""
    for candidate in in_order:
        if candidate.split != TRAIN_SPLIT:
            yield candidate, ""
        else:
            yield candidate, reason
            reason = reason or "repeat within train"


def find_held_out(copies: Iterable[Candidate]) -> str:
    """The split besides train that one of the rows is in, the first by name; empty: none."""
    return min({candidate.split for candidate in copies} - {TRAIN_SPLIT}, default="")


def held_out_reason(split: str) -> str:
    """Why a training row is dropped whose picture also stands in another split."""
    return f"also stands in {split}"


def has_conflict(copies: Iterable[Candidate]) -> bool:
    """Whether the rows of one picture carry different labels."""
    return len({candidate.class_index for candidate in copies} - {None}) > 1


def take_for_eval(copies: list[Candidate], config: DataConfig) -> list[Candidate]:
    """All the rows with one picture, in eval if they are for training and its hash says so, and it isn't held out."""
    if find_held_out(copies) or split_by_digest(copies[0].digest, config) != EVAL_SPLIT:
        return copies
    return [each if each.is_doubtful else each._replace(split=EVAL_SPLIT) for each in copies]


def count_slices(input_bytes: int, slice_bytes: int) -> int:
    """How many slices keep the pictures of one below `slice_bytes`, up to 1,000 slices.

    A picture takes less space than its line, and no more than what it packs to: these are noisy photographs.
    """
    return min(max(-(-input_bytes // slice_bytes), 1), _MAX_SLICES)


def slice_of(digest: bytes, slice_count: int) -> int:
    """0 to `slice_count` - 1, rising with the digest: pictures are shared out evenly, and equal ones never part."""
    return int.from_bytes(digest[:8], "big") * slice_count >> 64


def write_run(candidates: Iterable[Candidate], slice_count: int, folder: str) -> list[tuple[int, Segment]]:
    """Write candidates to a new file in `folder`; -> each slice that has any, and where."""
    slices: dict[int, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        slices[slice_of(candidate.digest, slice_count)].append(candidate)
    path = os.path.join(folder, f"{uuid.uuid4().hex}.run")
    segments: list[tuple[int, Segment]] = []
    start = 0
    with fileio.open(path, "wb") as run:
        for number in sorted(slices):
            packed = _pack(slices.pop(number))
            run.write(packed)
            segments.append((number, (path, start, len(packed))))
            start += len(packed)
    return segments


def _pack(candidates: list[Candidate]) -> bytes:
    """A line of JSON with what is short, then for each candidate 32 bytes of digest and 2,304 of pixels."""
    head = [[*each[1:5], *each[6:]] for each in candidates]
    return b"".join([json.dumps(head).encode(), b"\n", *(each.digest + each.pixels for each in candidates)])


def _unpack(packed: bytes, pictures: dict[bytes, bytes]) -> Iterator[Candidate]:
    """Repeats share one picture, which is noted by its digest, so that even one that stands in every row fits."""
    start = packed.index(b"\n") + 1
    for source, row, split, class_index, target, is_doubtful in json.loads(packed[:start]):
        middle, end = start + _DIGEST_BYTES, start + _DIGEST_BYTES + PIXEL_COUNT
        digest = packed[start:middle]
        pixels = pictures.setdefault(digest, packed[middle:end])
        yield Candidate(digest, source, row, split, class_index, pixels, tuple(target), is_doubtful)
        start = end


def read_slice(segments: Iterable[Segment]) -> list[Candidate]:
    """All candidates of one slice, sorted: the same whatever the order of the segments."""
    pictures: dict[bytes, bytes] = {}
    found: list[Candidate] = []
    for path, start, size in segments:
        with fileio.open(path, "rb") as run:
            run.seek(start)
            packed = run.read(size)
        found += _unpack(packed, pictures)
    return sorted(found, key=order_of)


def tag_counts(counts: Counter[Outcome]) -> Iterator[beam.pvalue.TaggedOutput]:
    """Yield (outcome, number) for each outcome: few elements, however many rows."""
    return (beam.pvalue.TaggedOutput(OUTCOMES, pair) for pair in counts.items())


class Spool(beam.DoFn):  # type: ignore[misc]
    """Lists of candidates -> (slice, segment), in runs of at most `run_bytes` of pixels, or one list."""

    def __init__(self, slice_count: int, run_bytes: int, folder: str):
        self._slice_count = slice_count
        self._run_bytes = run_bytes
        self._folder = folder

    def start_bundle(self) -> None:
        self._buffer: list[Candidate] = []
        self._size = 0

    def process(self, candidates: list[Candidate]) -> Iterator[tuple[int, Segment]]:
        self._buffer += candidates
        self._size += PIXEL_COUNT * len(candidates)
        if self._size >= self._run_bytes:
            yield from self._spill()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        window = GlobalWindow()
        return (WindowedValue(each, window.max_timestamp(), [window]) for each in self._spill())

    def _spill(self) -> list[tuple[int, Segment]]:
        candidates, self._buffer, self._size = self._buffer, [], 0
        return write_run(candidates, self._slice_count, self._folder) if candidates else []


class Settle(beam.DoFn):  # type: ignore[misc]
    """(slice, segments) -> files of examples; what leaves the stage are counted outcomes.

    If no row of the whole input is for eval, some of the training rows are taken for it.
    """

    def __init__(self, config: DataConfig, split_uris: dict[str, str], quarantine: str, folder: str):
        self._config = config
        self._split_uris = split_uris
        self._quarantine = quarantine
        self._folder = folder

    def process(self, element: tuple[int, Iterable[Segment]], eval_count: int) -> Iterator[beam.pvalue.TaggedOutput]:
        number, segments = element
        candidates = read_slice(segments)
        lacks_eval = not eval_count and self._config.splits != "usage"
        counts: Counter[Outcome] = Counter()
        class_names = class_names_of(self._config)
        kept: dict[str, list[Candidate]] = defaultdict(list)
        conflicts: list[list[Candidate]] = []
        for candidate, drop_reason in self._settle_all(candidates, lacks_eval, counts, conflicts):
            counts[_outcome(candidate, drop_reason, class_names)] += 1
            if not drop_reason:
                kept[candidate.split].append(candidate)
        for split, candidates in kept.items():
            fileio.makedirs(self._split_uris[split])
            path = os.path.join(self._split_uris[split], f"data_tfrecord-{number:05d}.gz")
            write_shard(candidates, path, self._folder)
        if conflicts:
            path = os.path.join(self._quarantine, f"{CONFLICTS_FILE}-{number:05d}.jsonl")
            text = "".join(json.dumps(_describe_conflict(each, class_names)) + "\n" for each in conflicts)
            with _replacing(path, self._folder) as partial:
                io_utils.write_string_file(partial, text)
        yield from tag_counts(counts)

    def _settle_all(
        self,
        candidates: list[Candidate],
        lacks_eval: bool,
        counts: Counter[Outcome],
        conflicts: list[list[Candidate]],
    ) -> Iterator[tuple[Candidate, str]]:
        for _, group in itertools.groupby(candidates, attrgetter("digest")):
            copies = list(group)
            if lacks_eval:
                copies = take_for_eval(copies, self._config)
            if len(copies) == 1:  # as most are
                yield copies[0], ""
                continue
            if has_conflict(copies):
                counts[CONFLICT,] += 1
                if len(conflicts) < _CONFLICTS_KEPT:
                    conflicts.append(copies)
            held_out = find_held_out(copies)
            everything = ((each, "") for each in copies)
            settled = settle(copies, self._config.keep_twins) if self._config.drop_repeats else everything
            for candidate, drop_reason in settled:
                if held_out and candidate.split == TRAIN_SPLIT and not drop_reason:
                    counts[KEPT_TWIN, held_out] += 1
                yield candidate, drop_reason


def _outcome(candidate: Candidate, drop_reason: str, class_names: tuple[str, ...]) -> Outcome:
    if drop_reason:
        return (DROPPED, drop_reason)
    class_name = "" if candidate.class_index is None else class_names[candidate.class_index]
    return (EMITTED, candidate.split, class_name)


def _describe_conflict(copies: list[Candidate], class_names: tuple[str, ...]) -> dict[str, Any]:
    """The picture, and the first row of each of its labels."""
    first = {each.class_index: each for each in reversed(copies) if each.class_index is not None}
    return {
        PICTURE_KEY: base64.b64encode(copies[0].pixels).decode(),
        "rows": [
            {"source": each.source, "row": each.row, "split": each.split, "label": class_names[label]}
            for label, each in sorted(first.items())
        ],
    }


def write_shard(candidates: Iterable[Candidate], path: str, folder: str) -> None:
    """Write examples to a gzip TFRecord in `folder` and rename it to `path`: killed, nothing is where readers look.

    TFX's readers expect the gzip frame; level 0 packs nothing, as packing would take five times as long to save 8 %.
    """
    options = tf.io.TFRecordOptions("GZIP", compression_level=0)
    with _replacing(path, folder) as partial, tf.io.TFRecordWriter(partial, options) as writer:
        for each in candidates:
            example = to_example(each.pixels, each.class_index, each.source, each.row, each.target)
            writer.write(example.SerializeToString())


@contextmanager
def _replacing(path: str, folder: str) -> Iterator[str]:
    """A file in `folder` to write, which is renamed to `path` when it is whole.

    Each has a name of its own: on a cluster a slice may be settled twice at the same time.
    """
    partial = os.path.join(folder, f"{uuid.uuid4().hex}.partial")
    try:
        yield partial
        fileio.rename(partial, path, overwrite=True)
    except BaseException:
        if fileio.exists(partial):
            fileio.remove(partial)
        raise
