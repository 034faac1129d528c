"""The Beam graph of ingestion: files -> rows -> pictures grouped with their repeats -> examples in splits.

Every element that leaves the graph also leaves an outcome, and the outcomes are counted and written beside
the examples: that is the account which the executor settles.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from tfx.dsl.io import fileio
from tfx.utils import io_utils

from components.face_example_gen.choice import SkippedMember
from components.face_example_gen.csv_rows import ParsedRow, RejectedRow
from components.face_example_gen.repeats import Candidate, has_conflict, settle
from components.face_example_gen.sources import Source, read_source
from configs.spec import DataConfig
from reporting.ingestion import CONFLICT, DROPPED, EMITTED, QUARANTINED, READ, IngestionReport, Outcome
from schema.contract import CLASS_NAMES, EVAL_SPLIT, LABELLED_SPLITS, TEST_SPLIT, TRAIN_SPLIT, UNLABELLED_SPLIT
from schema.errors import DataError
from schema.example import to_example

_SKIPPED = "skipped"  # (_SKIPPED, file, reason)
_FAILED = "failed"  # (_FAILED, message)
_OUTCOMES = "outcomes"
_REJECTED = "rejected"


@dataclass(frozen=True)
class Outputs:
    """Where the graph writes: URIs of the three artifacts."""

    examples: str
    unlabelled_examples: str
    quarantine: str

    @property
    def account_path(self) -> str:
        return os.path.join(self.quarantine, "outcomes.json")

    def split_uri(self, split: str) -> str:
        parent = self.unlabelled_examples if split == UNLABELLED_SPLIT else self.examples
        return os.path.join(parent, f"Split-{split}")

    def read_account(self, skipped_sources: list[SkippedMember]) -> tuple[IngestionReport, list[str]]:
        """The counted outcomes, and the messages of files that could not be read."""
        pairs = [(tuple(words), count) for words, count in json.loads(io_utils.read_string_file(self.account_path))]
        fileio.remove(self.account_path)
        failures = sorted(words[1] for words, _ in pairs if words[0] == _FAILED)
        skipped = {each.name: each.reason for each in skipped_sources}
        skipped |= {words[1]: words[2] for words, _ in pairs if words[0] == _SKIPPED}
        counts = [(words, count) for words, count in pairs if words[0] not in (_FAILED, _SKIPPED)]
        return IngestionReport.from_outcomes(counts, skipped), failures


def ingest(pipeline: beam.Pipeline, sources: list[Source], config: DataConfig, outputs: Outputs) -> None:
    """Add the whole graph to `pipeline`."""
    rows = (
        pipeline
        | "Files" >> beam.Create([tuple(source) for source in sources])
        | "ShareOut" >> beam.Reshuffle()
        | "Read" >> beam.ParDo(_ReadRows(config)).with_outputs(_REJECTED, _OUTCOMES, main="candidates")
    )
    if config.drop_repeats:
        grouped = rows.candidates | "GroupByPicture" >> beam.GroupByKey()
    else:
        grouped = rows.candidates | "EachByItself" >> beam.Map(lambda pair: (pair[0], [pair[1]]))
    splits = (*LABELLED_SPLITS, UNLABELLED_SPLIT)
    settled = grouped | "Settle" >> beam.ParDo(_Settle()).with_outputs(*splits, _OUTCOMES)
    for split in splits:
        _ = settled[split] | f"Write[{split}]" >> beam.io.WriteToTFRecord(
            os.path.join(outputs.split_uri(split), "data_tfrecord"),
            file_name_suffix=".gz",
        )
    _write_quarantine(rows[_REJECTED], outputs)
    _write_account((rows[_OUTCOMES], settled[_OUTCOMES]), outputs)


def _write_quarantine(rejected: beam.PCollection, outputs: Outputs) -> None:
    _ = (
        rejected
        | "ToJson" >> beam.Map(lambda row: json.dumps(row, sort_keys=True))
        | "WriteQuarantine" >> beam.io.WriteToText(os.path.join(outputs.quarantine, "rows"), ".jsonl")
    )


def _write_account(outcomes: tuple[beam.PCollection, ...], outputs: Outputs) -> None:
    _ = (
        outcomes
        | beam.Flatten()
        | "Count" >> beam.combiners.Count.PerElement()
        | "Collect" >> beam.combiners.ToList()
        | "WriteAccount" >> beam.Map(_write_json, outputs.account_path)
    )


def _write_json(content: Any, path: str) -> None:
    io_utils.write_string_file(path, json.dumps(sorted(content)))


class _ReadRows(beam.DoFn):  # type: ignore[misc]
    """One file -> candidates keyed by a digest of their picture, rejected rows, and outcomes."""

    def __init__(self, config: DataConfig):
        self._config = config

    def process(self, element: tuple[str, str, bool]) -> Iterator[Any]:
        source = Source(*element)
        try:
            with FileSystems.open(source.path, compression_type=CompressionTypes.UNCOMPRESSED) as stream:
                for item in read_source(source, stream, self._config):
                    yield from self._sort(item, source.is_unlabelled)
        except DataError as error:
            # Beam would wrap the error in its own; as an outcome it reaches the executor whole.
            yield beam.pvalue.TaggedOutput(_OUTCOMES, (_FAILED, str(error)))

    def _sort(self, item: ParsedRow | RejectedRow | SkippedMember, is_unlabelled: bool) -> Iterator[Any]:
        if isinstance(item, SkippedMember):
            yield beam.pvalue.TaggedOutput(_OUTCOMES, (_SKIPPED, item.name, item.reason))
            return
        yield beam.pvalue.TaggedOutput(_OUTCOMES, (READ, item.source))
        if isinstance(item, ParsedRow):
            yield self._to_candidate(item, is_unlabelled)
        else:
            yield beam.pvalue.TaggedOutput(_OUTCOMES, (QUARANTINED, item.reason))
            yield beam.pvalue.TaggedOutput(_REJECTED, asdict(item))

    def _to_candidate(self, item: ParsedRow, is_unlabelled: bool) -> tuple[bytes, tuple[Any, ...]]:
        face = item.face
        digest = hashlib.sha256(face.pixels).digest()
        class_index = None if is_unlabelled else face.class_index
        split = UNLABELLED_SPLIT
        if class_index is not None:
            split = face.usage or split_by_digest(digest, self._config)
        example = to_example(face.pixels, class_index, item.source, item.row).SerializeToString()
        candidate = Candidate(split, item.source, item.row, -1 if class_index is None else class_index, example)
        # Beam pickles a named tuple but has a quick coder for a plain one.
        return digest, tuple(candidate)


def split_by_digest(digest: bytes, config: DataConfig) -> str:
    """The split of a picture by its SHA-256, the same in every run and on every machine."""
    position = int.from_bytes(digest[:8], "big") / 2**64
    if position < config.test_fraction:
        return TEST_SPLIT
    return EVAL_SPLIT if position < config.test_fraction + config.eval_fraction else TRAIN_SPLIT


class _Settle(beam.DoFn):  # type: ignore[misc]
    """The rows of one picture -> serialised examples in their splits, and an outcome for each row."""

    def process(self, group: tuple[bytes, Iterable[Any]]) -> Iterator[beam.pvalue.TaggedOutput]:
        copies = [Candidate(*candidate) for candidate in group[1]]
        if has_conflict(copies):
            yield beam.pvalue.TaggedOutput(_OUTCOMES, (CONFLICT,))
        for candidate, drop_reason in settle(copies):
            yield beam.pvalue.TaggedOutput(_OUTCOMES, _outcome(candidate, drop_reason))
            if not drop_reason:
                yield beam.pvalue.TaggedOutput(candidate.split, candidate.example)


def _outcome(candidate: Candidate, drop_reason: str) -> Outcome:
    if drop_reason:
        return (DROPPED, drop_reason)
    class_name = CLASS_NAMES[candidate.class_index] if candidate.class_index >= 0 else ""
    return (EMITTED, candidate.split, class_name)
