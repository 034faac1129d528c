"""The Beam graph of ingestion: files -> rows -> pictures grouped with their repeats -> examples in splits.

Every element that leaves the graph also leaves an outcome, and the outcomes are counted and written beside
the examples: that is the account which the executor settles.
"""

import json
import os
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from tfx.dsl.io import fileio
from tfx.utils import io_utils

from components.face_example_gen.outcomes import FAILED, OUTCOMES, PREDICTED, REJECTED, SKIPPED
from components.face_example_gen.reading import read_rows
from components.face_example_gen.settling import Settle, Spool
from components.face_example_gen.spool import count_slices
from configs.spec import DataConfig
from fer_tfx.contract import LABELLED_SPLITS, UNLABELLED_SPLIT
from fer_tfx.reading.choice import SkippedMember
from fer_tfx.reading.sources import Source
from reporting.ingestion import READ, IngestionReport


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

    def read_account(self, skipped_sources: list[SkippedMember]) -> tuple[IngestionReport, list[str]]:
        """The counted outcomes, and the messages of files that can't be read, or are read for both inputs."""
        pairs = [(tuple(words), count) for words, count in json.loads(io_utils.read_string_file(self.account_path))]
        fileio.remove(self.account_path)
        failures = sorted(words[1] for words, _ in pairs if words[0] == FAILED)
        skipped = {each.name: each.reason for each in skipped_sources}
        skipped |= {words[1]: words[2] for words, _ in pairs if words[0] == SKIPPED}
        counts = [(words, count) for words, count in pairs if words[0] not in (FAILED, SKIPPED, PREDICTED)]
        rows_of = dict(counts)
        failures += [
            f"{words[1]}: is read for --data and for --unlabelled, whose rows are never trained on: give --unlabelled"
            " another file, or leave it out"
            for words, count in pairs
            if words[0] == PREDICTED and rows_of[READ, words[1]] > count
        ]
        return IngestionReport.from_outcomes(counts, skipped), failures


def ingest(pipeline: beam.Pipeline, sources: list[Source], config: DataConfig, outputs: Outputs) -> None:
    """Add the whole graph to `pipeline`. What runs through it for each row stays within one fused stage."""
    rows = read_rows(pipeline, sources, config)
    slice_count = count_slices(sum(map(_size_of, sources)), config.part_bytes)
    split_uris = {split: outputs.split_uri(split) for split in (*LABELLED_SPLITS, UNLABELLED_SPLIT)}
    settled = (
        rows.candidates
        | "Spool" >> beam.ParDo(Spool(slice_count, config.part_bytes, outputs.temporary))
        | "GroupBySlice" >> beam.GroupByKey()
        | "Settle" >> beam.ParDo(Settle(config.drop_repeats, split_uris, outputs.temporary)).with_outputs(OUTCOMES)
    )
    _write_quarantine(rows[REJECTED], outputs)
    _write_account((rows[OUTCOMES], settled[OUTCOMES]), outputs)


def _size_of(source: Source) -> int:
    return int(FileSystems.get_filesystem(source.path).size(source.path))


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
        | "SumUp" >> beam.CombinePerKey(sum)
        | "Collect" >> beam.combiners.ToList()
        | "WriteAccount" >> beam.Map(_write_json, outputs.account_path)
    )


def _write_json(content: Any, path: str) -> None:
    io_utils.write_string_file(path, json.dumps(sorted(content)))
