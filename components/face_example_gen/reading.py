"""Files -> rows, in Beam: large plain files in parts, all others as they are.

Parts are counted, then numbered, then read; so each row knows its place in the file, as if it was read from the
start. Only their ranges and counts are held together, one element for each part.
"""

import hashlib
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, BinaryIO, cast

import apache_beam as beam
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from components.face_example_gen.outcomes import OUTCOMES, PREDICTED, REJECTED, SKIPPED, tag_counts, tag_failure
from components.face_example_gen.repeats import Candidate
from configs.spec import DataConfig
from fer_tfx.contract import EVAL_SPLIT, TEST_SPLIT, TRAIN_SPLIT, UNLABELLED_SPLIT
from fer_tfx.errors import DataError
from fer_tfx.reading.choice import SkippedMember
from fer_tfx.reading.csv_rows import ParsedRow, RejectedRow
from fer_tfx.reading.limits import ReadingLimits
from fer_tfx.reading.parts import ByteRange, LineCount, Part, count_lines, place
from fer_tfx.reading.sources import Source, cut_source, read_part, read_source
from reporting.ingestion import QUARANTINED, READ, Outcome

_BUFFER_BYTES = 1 << 18  # a local file comes with 8 kB, less than a line: that takes 5 us more for each
# Quarantined rows that are written for each part of a file, or file that is read as a whole: an archive may hold any
# number, and a short one takes 300 bytes there. FER2013 has 35,887 rows.
MAX_KEPT_ROWS = 100_000
_WHOLE = "whole"
_CANDIDATES = "candidates"


def read_rows(pipeline: beam.Pipeline, sources: list[Source], config: DataConfig) -> Any:
    """Add the reading of all sources.

    Returns:
        Three PCollections: `candidates`; `rejected`, of dicts; `outcomes`, of (Outcome, number).
    """
    files = (
        pipeline
        | "Files" >> beam.Create([tuple(source) for source in sources])
        | "ShareOut" >> beam.Reshuffle()
        | "Cut" >> beam.ParDo(_Cut(config)).with_outputs(_WHOLE, main="ranges")
    )
    parts = (
        files.ranges
        | "ShareOutRanges" >> beam.Reshuffle()
        | "Count" >> beam.Map(_count, config.max_line_bytes)
        | "GroupByFile" >> beam.GroupByKey()
        | "Number" >> beam.FlatMapTuple(_number)
    )
    return (
        (files[_WHOLE], parts)
        | "WholeAndParts" >> beam.Flatten()
        | "ShareOutParts" >> beam.Reshuffle()
        | "Read" >> beam.ParDo(_Read(config)).with_outputs(REJECTED, OUTCOMES, main=_CANDIDATES)
    )


def _limits_of(config: DataConfig) -> ReadingLimits:
    return ReadingLimits(
        config.max_line_bytes, config.part_bytes, config.max_decompressed_bytes, config.max_compression_ratio
    )


@contextmanager
def _open(source: Source) -> Iterator[BinaryIO]:
    with FileSystems.open(source.path, compression_type=CompressionTypes.UNCOMPRESSED) as stream:
        yield cast(BinaryIO, io.BufferedReader(stream, _BUFFER_BYTES))


class _Cut(beam.DoFn):  # type: ignore[misc]
    """A file -> its ranges, or (file, None) if it has to be read as a whole."""

    def __init__(self, config: DataConfig):
        self._config = config

    def process(self, element: tuple[str, str, bool]) -> Iterator[Any]:
        with _open(Source(*element)) as stream:
            ranges = cut_source(stream, _limits_of(self._config))
        yield from ((element, tuple(each)) for each in ranges)
        if not ranges:
            yield beam.pvalue.TaggedOutput(_WHOLE, (element, None))


def _count(element: tuple[Any, Any], max_line_bytes: int) -> tuple[Any, Any]:
    source, bounds = element
    with _open(Source(*source)) as stream:
        return source, (bounds, tuple(count_lines(stream, ByteRange(*bounds), max_line_bytes)))


def _number(source: Any, counted: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, Part]]:
    pairs = ((ByteRange(*bounds), LineCount(*count)) for bounds, count in counted)
    return ((source, part) for part in place(pairs))


class _Read(beam.DoFn):  # type: ignore[misc]
    """A file, or a part of one -> candidates, rejected rows and counted outcomes."""

    def __init__(self, config: DataConfig):
        self._config = config

    def process(self, element: tuple[tuple[str, str, bool], Part | None]) -> Iterator[Any]:
        source, part = Source(*element[0]), element[1]
        counts: Counter[Outcome] = Counter()
        self._kept_rows = 0
        try:
            with _open(source) as stream:
                for item in self._items(source, stream, part):
                    yield from self._sort(item, source.is_unlabelled, counts)
        except DataError as error:
            yield tag_failure(error)
        yield from tag_counts(counts)

    def _items(
        self, source: Source, stream: BinaryIO, part: Part | None
    ) -> Iterator[ParsedRow | RejectedRow | SkippedMember]:
        if part is None:
            return read_source(source, stream, _limits_of(self._config))
        return read_part(source, stream, part, _limits_of(self._config))

    def _sort(
        self, item: ParsedRow | RejectedRow | SkippedMember, is_unlabelled: bool, counts: Counter[Outcome]
    ) -> Iterator[Any]:
        if isinstance(item, SkippedMember):
            counts[SKIPPED, item.name, item.reason] += 1
            return
        counts[READ, item.source] += 1
        if is_unlabelled:
            counts[PREDICTED, item.source] += 1
        if isinstance(item, ParsedRow):
            yield _to_candidate(item, is_unlabelled, self._config)
        else:
            counts[QUARANTINED, item.reason] += 1
            self._kept_rows += 1
            if self._kept_rows > MAX_KEPT_ROWS:
                return
            yield beam.pvalue.TaggedOutput(REJECTED, asdict(item))


def _to_candidate(item: ParsedRow, is_unlabelled: bool, config: DataConfig) -> Candidate:
    face = item.face
    digest = hashlib.sha256(face.pixels).digest()
    if is_unlabelled or face.class_index is None:
        return Candidate(digest, item.source, item.row, UNLABELLED_SPLIT, -1, face.pixels)
    split = face.usage or split_by_digest(digest, config)
    return Candidate(digest, item.source, item.row, split, face.class_index, face.pixels)


def split_by_digest(digest: bytes, config: DataConfig) -> str:
    """The split of a picture by its SHA-256, the same in every run and on every machine."""
    position = int.from_bytes(digest[:8], "big") / 2**64
    if position < config.test_fraction:
        return TEST_SPLIT
    return EVAL_SPLIT if position < config.test_fraction + config.eval_fraction else TRAIN_SPLIT
