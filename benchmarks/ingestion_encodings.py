"""CPU time of ingestion with pictures kept in one form or another: why FerExampleGen writes raw bytes, not packed.

    python -m benchmarks.ingestion_encodings --out benchmarks/results/ingestion_encodings.md

All of FerExampleGen's graph runs each time, on the same CSV of drawn faces and in turns within one process; only the
writing of an example differs.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple
from unittest.mock import patch

import apache_beam as beam
import tensorflow as tf

from benchmarks.code_version import read_code_version
from benchmarks.command import run_report
from benchmarks.example_encoding import encode_bytes, encode_int64, encode_png, encode_text
from benchmarks.ingestion_scale import draw_samples
from benchmarks.report import describe_machine
from benchmarks.samples import write_sample
from components.face_example_gen import settling
from components.face_example_gen.graph import Outputs, ingest
from components.face_example_gen.settling import Candidate
from configs.spec import DataConfig
from fer_tfx.contract import PIXELS_KEY
from fer_tfx.reading.sources import Source
from schema.example import to_example

_OURS = "raw bytes, as FerExampleGen writes them"
_GZIP_LEVEL = 6  # what TFX's own ExampleGens write


class Encoding(NamedTuple):
    """How an example is written."""

    encode: Callable[[bytes], tf.train.Feature]
    compression_level: int

    def write_shard(self, candidates: Iterable[Candidate], path: str, folder: str) -> None:
        """Stands in for `settling.write_shard`."""
        options = tf.io.TFRecordOptions("GZIP", compression_level=self.compression_level)
        partial = Path(folder, "partial")
        with tf.io.TFRecordWriter(str(partial), options) as writer:
            for each in candidates:
                example = to_example(b"", each.class_index, each.source, each.row)
                example.features.feature[PIXELS_KEY].CopyFrom(self.encode(each.pixels))
                writer.write(example.SerializeToString())
        partial.rename(path)


_OTHERS = {
    "raw bytes, gzip": Encoding(encode_bytes, _GZIP_LEVEL),
    "PNG": Encoding(encode_png, 0),
    "int64 list": Encoding(encode_int64, 0),
    "int64 list, gzip": Encoding(encode_int64, _GZIP_LEVEL),
    "CSV string": Encoding(encode_text, 0),
}


class Ingested(NamedTuple):
    """What one ingestion took."""

    cpu_s: float
    size_mb: float
    """Of the examples."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the report and perhaps write it; the exit code is 0, or that of the error."""
    options = _build_parser().parse_args(arguments)

    return run_report(
        "ingestion_encodings", options.out, lambda: write_report(_measure(options.rows, options.repeat), options.rows)
    )


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ingestion_encodings", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--rows", metavar="N", type=int, default=30_000, help="rows of the CSV (default: 30000)")
    parser.add_argument("--repeat", metavar="N", type=int, default=3, help="rounds, after one unmeasured (default: 3)")
    parser.add_argument("--out", metavar="FILE", type=Path, help="also write the report there, as Markdown")
    return parser


def _measure(row_count: int, repeat_count: int) -> dict[str, list[Ingested]]:
    measured: dict[str, list[Ingested]] = {way: [] for way in (_OURS, *_OTHERS)}
    with TemporaryDirectory(prefix="benchmark-encodings-") as name:
        sample = Path(name) / "faces.csv"
        write_sample(draw_samples(), row_count, sample)
        for number in range(repeat_count + 1):
            print(f"round {number} of {repeat_count} ...", file=sys.stderr, flush=True)
            for way, found in measured.items():
                found.append(_ingest_as(_OTHERS.get(way), sample, Path(name)))
    return {way: found[1:] for way, found in measured.items()}


def _ingest_as(encoding: Encoding | None, sample: Path, folder: Path) -> Ingested:
    write = encoding.write_shard if encoding else settling.write_shard
    with TemporaryDirectory(dir=folder) as name, patch.object(settling, "write_shard", write):
        outputs = Outputs(*(str(Path(name) / each) for each in ("examples", "unlabelled", "quarantine")))
        Path(outputs.temporary).mkdir(parents=True)
        started_s = time.process_time()
        with beam.Pipeline() as pipeline:
            ingest(pipeline, [Source(str(sample), sample.name, is_unlabelled=False)], DataConfig(), outputs)
        cpu_s = time.process_time() - started_s
        return Ingested(cpu_s, sum(path.stat().st_size for path in Path(outputs.examples).rglob("*.gz")) / 1e6)


def write_report(measured: Mapping[str, Sequence[Ingested]], row_count: int) -> str:
    """Markdown, from its heading to the line about the machine. The first of `measured` is ours."""
    commit = read_code_version()["git_commit"]
    sections = [
        f"# Ingestion of {row_count:,} rows, by the form of the pictures",
        "\n".join(_table(measured)),
        f"{describe_machine()}; code {commit or 'outside a repository'}",
    ]
    return "\n\n".join(sections) + "\n"


def _table(measured: Mapping[str, Sequence[Ingested]]) -> Iterator[str]:
    medians = {way: median(each.cpu_s for each in found) for way, found in measured.items()}
    best = min(medians.values())
    yield "| form | CPU s, median (least to most) | over the best | MB |"
    yield "|---|---:|---:|---:|"
    for way, found in measured.items():
        times = [each.cpu_s for each in found]
        yield (
            f"| {way} | {medians[way]:.2f} ({min(times):.2f} to {max(times):.2f}) | {medians[way] / best:.2f}"
            f" | {found[0].size_mb:.1f} |"
        )


if __name__ == "__main__":
    sys.exit(main())
