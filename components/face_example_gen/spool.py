"""Candidates on disk between reading and settling: a group-by that holds only one slice of the pictures in memory.

Reading fills a buffer; a full one is written as a run, cut into slices by the first bits of the pictures' digests.
Settling takes one slice after the other from all runs. A run has a name of its own, and only the runs of work that
was finished are handed on: what a killed worker has written is never read.
"""

import os
import pickle
import uuid
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from tfx.dsl.io import fileio

from components.face_example_gen.repeats import Candidate

_MAX_SLICES = 1_000


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
    slices: dict[int, list[tuple[object, ...]]] = defaultdict(list)
    for candidate in candidates:
        slices[slice_of(candidate.digest, slice_count)].append(tuple(candidate))
    path = os.path.join(folder, f"{uuid.uuid4().hex}.run")
    segments, start = [], 0
    with fileio.open(path, "wb") as run:
        for number in sorted(slices):
            packed = pickle.dumps(slices.pop(number), pickle.HIGHEST_PROTOCOL)
            run.write(packed)
            segments.append((number, Segment(path, start, len(packed))))
            start += len(packed)
    return segments


def read_slice(segments: Iterable[Segment]) -> list[Candidate]:
    """All candidates of one slice, sorted: the same whatever the order of the segments."""
    pictures: dict[bytes, bytes] = {}
    found = []
    for segment in segments:
        for digest, source, row, split, class_index, pixels in _load(segment):
            # Repeats share one picture, so that even one that stands in every row fits.
            same = pictures.setdefault(digest, pixels)
            found.append(Candidate(digest, source, row, split, class_index, same))
    return sorted(found)


def _load(segment: Segment) -> list[tuple[bytes, str, int, str, int, bytes]]:
    with fileio.open(segment.path, "rb") as run:
        run.seek(segment.start)
        rows: list[tuple[bytes, str, int, str, int, bytes]] = pickle.loads(run.read(segment.size))
    return rows
