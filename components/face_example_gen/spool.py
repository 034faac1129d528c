"""Candidates on disk between reading and settling: a group-by that holds only one slice of the pictures in memory.

Reading fills a buffer; a full one is written as a run, cut into slices by the first bits of the pictures' digests.
Settling takes one slice after the other from all runs. A run has a name of its own, and only the runs of work that
was finished are handed on: what a killed worker has written is never read.
"""

import json
import os
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tfx.dsl.io import fileio

from components.face_example_gen.repeats import Candidate
from fer_tfx.contract import PIXEL_COUNT

_MAX_SLICES = 1_000
_DIGEST_BYTES = 32


class Segment(NamedTuple):
    """Where a run keeps the candidates of one slice."""

    path: str
    start: int
    size: int


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
    segments, start = [], 0
    with fileio.open(path, "wb") as run:
        for number in sorted(slices):
            packed = _pack(slices.pop(number))
            run.write(packed)
            segments.append((number, Segment(path, start, len(packed))))
            start += len(packed)
    return segments


def _pack(candidates: list[Candidate]) -> bytes:
    """A line of JSON with what is short, then for each candidate 32 bytes of digest and 2,304 of pixels."""
    head = [(each.source, each.row, each.split, each.class_index) for each in candidates]
    return b"".join([json.dumps(head).encode(), b"\n", *(each.digest + each.pixels for each in candidates)])


def _unpack(packed: bytes) -> Iterator[Candidate]:
    start = packed.index(b"\n") + 1
    for source, row, split, class_index in json.loads(packed[:start]):
        middle, end = start + _DIGEST_BYTES, start + _DIGEST_BYTES + PIXEL_COUNT
        yield Candidate(packed[start:middle], source, row, split, class_index, packed[middle:end])
        start = end


def read_slice(segments: Iterable[Segment]) -> list[Candidate]:
    """All candidates of one slice, sorted: the same whatever the order of the segments."""
    pictures: dict[bytes, bytes] = {}
    found = []
    for segment in segments:
        with fileio.open(segment.path, "rb") as run:
            run.seek(segment.start)
            packed = run.read(segment.size)
        for each in _unpack(packed):
            # Repeats share one picture, so that even one that stands in every row fits.
            found.append(each._replace(pixels=pictures.setdefault(each.digest, each.pixels)))
    return sorted(found)
