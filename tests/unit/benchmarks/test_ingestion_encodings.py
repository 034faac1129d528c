"""Ingestion with another form of the pictures, on a few rows, and the table of it."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from benchmarks.ingestion_encodings import _OTHERS, Ingested, _ingest_as, write_report
from benchmarks.samples import Face, write_sample
from components.face_example_gen.settling import Candidate


def read_pixels(folder: Path) -> set[bytes]:
    paths = [str(path) for path in folder.rglob("*.gz")]
    examples = (
        tf.train.Example.FromString(each.numpy()) for each in tf.data.TFRecordDataset(paths, compression_type="GZIP")
    )
    return {each.features.feature["pixels"].SerializeToString() for each in examples}


def test_encoding_writes_every_picture_in_its_form(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 2304), np.uint8)
    for way, encoding in _OTHERS.items():
        shard = tmp_path / way
        shard.mkdir()
        candidates = _candidates(pixels)
        encoding.write_shard(candidates, str(shard / "a.gz"), str(shard))
        expected = {encoding.encode(each.tobytes()).SerializeToString() for each in pixels}
        assert read_pixels(shard) == expected, way


def _candidates(pixels: np.ndarray) -> list[Candidate]:
    return [Candidate(b"", "a.csv", row, "train", 3, each.tobytes()) for row, each in enumerate(pixels)]


def test_ingest_as_int64_list_takes_more_disk_than_bytes(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    faces = [Face(number % 7, rng.integers(0, 256, 2304, np.uint8).tobytes()) for number in range(30)]
    write_sample(faces, 30, tmp_path / "faces.csv")
    ours, listed = (_ingest_as(each, tmp_path / "faces.csv", tmp_path) for each in (None, _OTHERS["int64 list"]))
    assert ours.size_mb > 0.06  # 30 pictures
    assert listed.size_mb > 1.3 * ours.size_mb
    assert ours.cpu_s > 0


def test_write_report_sets_each_form_against_the_best() -> None:
    measured = {
        "ours": [Ingested(2.0, 70.0), Ingested(2.2, 70.0), Ingested(1.9, 70.0)],
        "PNG": [Ingested(3.0, 50.0), Ingested(3.1, 50.0), Ingested(2.9, 50.0)],
    }
    report = write_report(measured, 30_000)
    assert "# Ingestion of 30,000 rows" in report
    assert "| ours | 2.00 (1.90 to 2.20) | 1.00 | 70.0 |" in report
    assert "| PNG | 3.00 (2.90 to 3.10) | 1.50 | 50.0 |" in report
