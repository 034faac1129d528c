"""The files that ingestion writes have the same bytes, however many workers share the work."""

from pathlib import Path

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from components.face_example_gen.graph import Outputs, ingest
from configs.spec import DataConfig
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.reading.sources import Source

ALONE = ("--direct_num_workers=1",)
SHARED = ("--direct_num_workers=3", "--direct_running_mode=multi_threading")


@pytest.fixture
def sources(tmp_path: Path) -> list[Source]:
    """Two files of 30 rows each with 25 different pictures."""
    rng = np.random.default_rng(0)
    pictures = [" ".join(map(str, rng.integers(0, 256, 2304))) for _ in range(25)]
    for name in "ab":
        lines = [f"{number % 7},{pictures[number % 25]}" for number in range(30)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["emotion,pixels", *lines, "0,1 2 3"]))
    return [Source(str(tmp_path / f"{name}.csv"), f"{name}.csv", is_unlabelled=False) for name in "ab"]


def ingest_into(folder: Path, sources: list[Source], options: tuple[str, ...]) -> dict[str, bytes]:
    """-> content of each file of examples, by its name."""
    outputs = Outputs(*(str(folder / name) for name in ("examples", "unlabelled", "quarantine")))
    Path(outputs.temporary).mkdir(parents=True)
    with beam.Pipeline(options=PipelineOptions(list(options))) as pipeline:
        ingest(pipeline, sources, DataConfig(part_bytes=60_000, eval_fraction=0.3), outputs)
    report, failures = outputs.read_account([], DEFAULT_CLASS_NAMES)
    report.check_balance()
    assert (report.read, report.quarantined) == ({"a.csv": 31, "b.csv": 31}, {"wrong number of pixels": 2})
    assert failures == []
    files = sorted((folder / "examples").rglob("*.gz"))
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def test_ingest_on_several_workers_writes_the_files_of_one_worker(sources: list[Source], tmp_path: Path) -> None:
    alone = ingest_into(tmp_path / "alone", sources, ALONE)
    assert len(alone) > 4
    assert ingest_into(tmp_path / "shared", sources, SHARED) == alone


def test_ingest_of_files_in_another_order_writes_the_same_files(sources: list[Source], tmp_path: Path) -> None:
    alone = ingest_into(tmp_path / "alone", sources, ALONE)
    assert ingest_into(tmp_path / "reversed", sources[::-1], ALONE) == alone
