"""The Beam graph of ingestion: files -> rows -> pictures grouped with their repeats -> examples in splits.

Large plain files are read in parts: these are counted, then numbered, then read, so each row knows its place in the
file. Every element that leaves the graph also leaves an outcome; outcomes are counted and written beside the examples:
that is the account which the executor settles.
"""

import base64
import io
import json
import os
import posixpath
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from typing import Any, BinaryIO, TypeAlias

import apache_beam as beam
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from tfx.dsl.io import fileio
from tfx.utils import io_utils

from components.artifacts import PICTURE_KEY
from components.face_example_gen.labelling import Labelling
from components.face_example_gen.settling import (
    OUTCOMES,
    Candidate,
    Settle,
    Spool,
    count_slices,
    tag_counts,
)
from configs.library import class_table_of, reading_limits_of
from configs.spec import DataConfig
from fer_tfx.contract import EVAL_SPLIT, LABELLED_SPLITS, PIXEL_COUNT, UNLABELLED_SPLIT
from fer_tfx.errors import DataError
from fer_tfx.reading.beside import open_local
from fer_tfx.reading.form import Item, LeftOutRow, Part, ReadingLimits, RejectedRow, Remark, SkippedMember
from fer_tfx.reading.sources import Source, count_part, cut_source, is_picture, place, read_part, read_source
from fer_tfx.reading.vote_file import VoteTable, read_votes
from reporting.ingestion import LEFT_OUT, QUARANTINED, READ, IngestionReport, Outcome

REJECTED = "rejected"
NO_EVAL = "no row is PublicTest (or val) with a label"
# Words of the account.
SKIPPED = "skipped"  # (SKIPPED, file, reason)
REMARKED = "remarked"  # (REMARKED, file, how it is read)
NAMED = "named"  # (NAMED, split): of the rows read, those that their own words or a hash put there
PREDICTED = "predicted"  # (PREDICTED, file): of the rows read, those given as data to predict
FAILED = "failed"  # (FAILED, message)

_BUFFER_BYTES = 1 << 18
_RUNS_OF_PART = 4  # as a run takes up to three times its pixels while it is written
_PICTURES_PER_REASON = 3  # of quarantined rows of each, for the page
MAX_KEPT_ROWS = 100_000  # quarantined rows that are written for each part of a file, or file read as a whole
_PICTURES_TOGETHER = 500  # files that one element stands for
_CANDIDATES_TOGETHER = 500
_PICTURE_BYTES = 4 * PIXEL_COUNT  # as a line of a CSV takes, so that both are settled in as many slices
Files: TypeAlias = tuple[tuple[str, str, bool, str], ...]  # Sources as Beam's coders take them
_WHOLE = "whole"
_CANDIDATES = "candidates"


@dataclass(frozen=True)
class Outputs:
    """Where the graph writes: URIs of the three artifacts."""

    examples: str
    unlabelled_examples: str
    quarantine: str

    @property
    def temporary(self) -> str:
        """A folder to be removed in the end, where every worker can write and from where a rename is one step."""
        return os.path.join(self.quarantine, "temporary")

    @property
    def account_path(self) -> str:
        return os.path.join(self.quarantine, "outcomes.json")

    def split_uri(self, split: str) -> str:
        parent = self.unlabelled_examples if split == UNLABELLED_SPLIT else self.examples
        return os.path.join(parent, f"Split-{split}")

    def read_account(
        self, skipped_sources: list[SkippedMember], class_names: Sequence[str], votes: VoteTable | None = None
    ) -> tuple[IngestionReport, list[str]]:
        """The counted outcomes, and the messages of files that can't be read, stand in both inputs, or lack votes."""
        pairs = [(tuple(words), count) for words, count in json.loads(io_utils.read_string_file(self.account_path))]
        fileio.remove(self.account_path)
        failures = sorted(words[1] for words, _ in pairs if words[0] == FAILED)
        skipped = {each.name: each.reason for each in skipped_sources}
        skipped |= {words[1]: words[2] for words, _ in pairs if words[0] == SKIPPED}
        others = (FAILED, SKIPPED, NAMED, PREDICTED, REMARKED)
        counts = [(words, count) for words, count in pairs if words[0] not in others]
        rows_of = dict(counts)
        failures += [
            f"{words[1]}: is read for --data and for --unlabelled, whose rows are never trained on: give --unlabelled"
            " another file, or omit it"
            for words, count in pairs
            if words[0] == PREDICTED and rows_of[READ, words[1]] > count
        ]
        predicted = {words[1] for words, _ in pairs if words[0] == PREDICTED}
        learned = {words[1]: count for words, count in counts if words[0] == READ and words[1] not in predicted}
        failures += filter(None, [votes.find_fault(learned)] if votes else [])
        remarks = [f"{words[1]}: {words[2]}" for words, _ in pairs if words[0] == REMARKED]
        report = IngestionReport.from_outcomes(counts, skipped)
        if report.split_size(EVAL_SPLIT) and not any(words == (NAMED, EVAL_SPLIT) for words, _ in pairs):
            remarks.append(f"{NO_EVAL}: eval was taken from the training rows, by a hash of their pixels")
        return replace(report, remarks=remarks, classes=[*class_names]), failures


def ingest(pipeline: beam.Pipeline, sources: list[Source], config: DataConfig, outputs: Outputs) -> None:
    """Add the whole graph to `pipeline`. What runs through it for each row stays within one fused stage."""
    rows = read_rows(pipeline, sources, config)
    input_bytes = sum(_count_bytes(each) for each in sources)
    slice_count = count_slices(input_bytes, config.part_bytes)
    split_uris = {split: outputs.split_uri(split) for split in (*LABELLED_SPLITS, UNLABELLED_SPLIT)}
    eval_count = beam.pvalue.AsSingleton(
        rows[OUTCOMES]
        | "OfEval" >> beam.Filter(lambda outcome: outcome[0] == (NAMED, EVAL_SPLIT))
        | "CountOfEval" >> beam.combiners.Count.Globally()
    )
    settled = (
        rows.candidates
        | "Spool" >> beam.ParDo(Spool(slice_count, config.part_bytes // _RUNS_OF_PART, outputs.temporary))
        | "GroupBySlice" >> beam.GroupByKey()
        | "Settle"
        >> beam.ParDo(Settle(config, split_uris, outputs.quarantine, outputs.temporary), eval_count).with_outputs(
            OUTCOMES
        )
    )
    _ = (
        rows[REJECTED]
        | "ToJson" >> beam.Map(lambda row: json.dumps(row, sort_keys=True))
        | "WriteQuarantine" >> beam.io.WriteToText(os.path.join(outputs.quarantine, "rows"), ".jsonl")
    )
    _ = (
        (rows[OUTCOMES], settled[OUTCOMES])
        | beam.Flatten()
        | "SumUp" >> beam.CombinePerKey(sum)
        | "Collect" >> beam.combiners.ToList()
        | "WriteAccount" >> beam.Map(_write_json, outputs.account_path)
    )


def _write_json(content: Any, path: str) -> None:
    io_utils.write_string_file(path, json.dumps(sorted(content)))


def read_rows(pipeline: beam.Pipeline, sources: list[Source], config: DataConfig) -> Any:
    """Read all sources; gives PCollections `candidates`, of lists, `rejected`, of dicts, and `outcomes`, of pairs."""
    files = (
        pipeline
        # As bytes, since Beam looks into each element to infer their type, and packed quicker than Beam packs them.
        | "Files" >> beam.Create(zlib.compress(json.dumps(each).encode(), level=1) for each in _share_out(sources))
        | "ShareOut" >> beam.Reshuffle()
        | "Cut" >> beam.ParDo(_Cut(config)).with_outputs(_WHOLE, main="ranges")
    )
    parts = (
        files.ranges
        | "ShareOutRanges" >> beam.Reshuffle()
        | "Count" >> beam.Map(_count, reading_limits_of(config))
        | "GroupByFile" >> beam.GroupByKey()
        | "Number" >> beam.FlatMapTuple(lambda source, counted: (((source,), part) for part in place(counted)))
    )
    return (
        (files[_WHOLE], parts)
        | "WholeAndParts" >> beam.Flatten()
        | "ShareOutParts" >> beam.Reshuffle()
        | "Read" >> beam.ParDo(_Read(config)).with_outputs(REJECTED, OUTCOMES, main=_CANDIDATES)
    )


def _count_bytes(source: Source) -> int:
    return _PICTURE_BYTES if is_picture(source) else int(FileSystems.get_filesystem(source.path).size(source.path))


def _share_out(sources: list[Source]) -> list[Files]:
    """Each file by itself, but pictures in bunches: few elements, however many files."""
    alone: list[Files] = []
    pictures: list[tuple[str, str, bool, str]] = []
    for each in sources:
        (pictures.append(each) if is_picture(each) else alone.append((each,)))
    bunches = range(0, len(pictures), _PICTURES_TOGETHER)
    return [*alone, *(tuple(pictures[start : start + _PICTURES_TOGETHER]) for start in bunches)]


def read_vote_table(config: DataConfig) -> VoteTable | None:
    """The file of votes, in every worker; None: there is none. Raises DataError."""
    if not config.votes_path:
        return None
    with open_file(config.votes_path) as stream:
        return read_votes(stream, posixpath.basename(config.votes_path), reading_limits_of(config))


def open_file(path: str) -> AbstractContextManager[BinaryIO]:
    """For reading: a local file, or one of what Beam knows."""
    if "://" not in path:
        return open_local(path)
    stream = FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
    return io.BufferedReader(stream, _BUFFER_BYTES)


class _Cut(beam.DoFn):  # type: ignore[misc]
    """Some files as packed JSON -> the ranges of one, or (files, None) if they have to be read as a whole."""

    def __init__(self, config: DataConfig):
        self._config = config

    def process(self, element: bytes) -> Iterator[Any]:
        files: Files = tuple(map(tuple, json.loads(zlib.decompress(element))))
        ranges, source = [], Source(*files[0])
        if not is_picture(source):
            with open_file(source.path) as stream:
                ranges = cut_source(source, stream, reading_limits_of(self._config))
        yield from ((files[0], each) for each in ranges)
        if not ranges:
            yield beam.pvalue.TaggedOutput(_WHOLE, (files, None))


def _count(element: tuple[Any, Any], limits: ReadingLimits) -> tuple[Any, Any]:
    source, bounds = Source(*element[0]), element[1]
    with open_file(source.path) as stream:
        return element[0], (bounds, count_part(source, stream, bounds, limits))


class _Read(beam.DoFn):  # type: ignore[misc]
    """Files, or a part of one -> lists of candidates, rejected rows and counted outcomes."""

    def __init__(self, config: DataConfig):
        self._config = config

    def setup(self) -> None:
        self._classes = class_table_of(self._config)
        self._labelling = Labelling(self._config, self._classes, read_vote_table(self._config))

    def process(self, element: tuple[Files, Part | None]) -> Iterator[Any]:
        counts: Counter[Outcome] = Counter()
        self._kept_rows = 0
        candidates: list[Candidate] = []  # few elements, as Beam takes half as long for each as its picture
        for each in element[0]:
            for output in self._read(Source(*each), element[1], counts):
                if not isinstance(output, Candidate):
                    yield output
                    continue
                candidates.append(output)
                if len(candidates) == _CANDIDATES_TOGETHER:
                    yield candidates
                    candidates = []
        yield candidates
        yield from tag_counts(counts)

    def _read(self, source: Source, part: Part | None, counts: Counter[Outcome]) -> Iterator[Any]:
        limits = reading_limits_of(self._config)
        try:
            with open_file(source.path) as stream:
                if part is None:
                    items = read_source(source, stream, limits, self._classes, open_file)
                else:
                    items = read_part(source, stream, part, limits, self._classes, open_file)
                for item in items:
                    if output := self._sort(item, source.is_unlabelled, counts):
                        yield output
        except DataError as error:
            # Beam would wrap the error in its own; as an outcome it reaches the executor whole.
            yield beam.pvalue.TaggedOutput(OUTCOMES, ((FAILED, str(error)), 1))

    def _sort(self, item: Item | SkippedMember, is_unlabelled: bool, counts: Counter[Outcome]) -> Any:
        """Count an item; -> what it adds to the outputs, if anything."""
        if isinstance(item, SkippedMember):
            counts[SKIPPED, item.name, item.reason] += 1
            return None
        if isinstance(item, Remark):
            counts[REMARKED, item.source, item.text] += 1
            return None
        file = item.source if item.line else item.source.rpartition("/")[0]  # pictures are counted by folder
        counts[READ, file] += 1
        if is_unlabelled:
            counts[PREDICTED, file] += 1
        if isinstance(item, RejectedRow):
            counts[QUARANTINED, item.reason] += 1
            return self._keep(item, counts[QUARANTINED, item.reason])
        if isinstance(item, LeftOutRow):
            counts[LEFT_OUT, item.label] += 1
            return None
        candidate = self._labelling.label(item, is_unlabelled)
        if isinstance(candidate, str):
            counts[LEFT_OUT, candidate] += 1
            return None
        counts[NAMED, candidate.split] += 1
        return candidate

    def _keep(self, item: RejectedRow, number: int) -> Any:
        """The element of the `number`th row with its reason; None: enough are kept."""
        self._kept_rows += 1
        if self._kept_rows > MAX_KEPT_ROWS:
            return None
        picture = base64.b64encode(item.pixels).decode() if number <= _PICTURES_PER_REASON else ""
        row = {**asdict(item), PICTURE_KEY: picture}
        del row["pixels"]
        return beam.pvalue.TaggedOutput(REJECTED, row)
