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

from components.face_example_gen.csv_rows import ParsedRow, RejectedRow
from components.face_example_gen.repeats import Candidate, has_conflict, settle
from components.face_example_gen.sources import SkippedFile, read_source
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

    def read_account(self) -> tuple[IngestionReport, list[str]]:
        """The counted outcomes, and the messages of files that could not be read."""
        pairs = [(tuple(words), count) for words, count in json.loads(io_utils.read_string_file(self.account_path))]
        fileio.remove(self.account_path)
        failures = sorted(words[1] for words, _ in pairs if words[0] == _FAILED)
        skipped = {words[1]: words[2] for words, _ in pairs if words[0] == _SKIPPED}
        counts = [(words, count) for words, count in pairs if words[0] not in (_FAILED, _SKIPPED)]
        return IngestionReport.from_outcomes(counts, skipped), failures


def ingest(pipeline: beam.Pipeline, paths: list[str], config: DataConfig, outputs: Outputs) -> None:
    """Add the whole graph to `pipeline`."""
    rows = (
        pipeline
        | "Files" >> beam.Create([paths])
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
    """All paths of a run, which choose among each other -> candidates keyed by a digest of their picture."""

    def __init__(self, config: DataConfig):
        self._config = config

    def process(self, paths: list[str]) -> Iterator[Any]:
        try:
            for item in read_source(paths, _open, self._config):
                if isinstance(item, ParsedRow):
                    yield beam.pvalue.TaggedOutput(_OUTCOMES, (READ, item.source))
                    yield self._to_candidate(item)
                elif isinstance(item, RejectedRow):
                    yield beam.pvalue.TaggedOutput(_OUTCOMES, (READ, item.source))
                    yield beam.pvalue.TaggedOutput(_OUTCOMES, (QUARANTINED, item.reason))
                    yield beam.pvalue.TaggedOutput(_REJECTED, asdict(item))
                elif isinstance(item, SkippedFile):
                    yield beam.pvalue.TaggedOutput(_OUTCOMES, (_SKIPPED, item.name, item.reason))
        except DataError as error:
            # Beam would wrap the error in its own; as an outcome it reaches the executor whole.
            yield beam.pvalue.TaggedOutput(_OUTCOMES, (_FAILED, str(error)))

    def _to_candidate(self, item: ParsedRow) -> tuple[bytes, Candidate]:
        face = item.face
        digest = hashlib.sha256(face.pixels).digest()
        split = UNLABELLED_SPLIT
        if face.class_index is not None:
            split = face.split or split_by_digest(digest, self._config)
        example = to_example(face.pixels, face.class_index, item.source, item.row).SerializeToString()
        class_index = -1 if face.class_index is None else face.class_index
        return digest, Candidate(split, item.source, item.row, class_index, example)


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


def _open(path: str) -> Any:
    return FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
