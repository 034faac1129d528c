"""What reading hands on of a file that holds little but broken rows."""

from collections import Counter
from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from components.face_example_gen.graph import MAX_KEPT_ROWS, read_rows
from configs.spec import DataConfig
from fer_tfx.reading.sources import Source


def test_read_rows_keeps_a_bounded_number_of_broken_rows_and_counts_them_all(tmp_path: Path) -> None:
    count = MAX_KEPT_ROWS + 7
    (tmp_path / "a.csv").write_text("emotion,pixels\n" + "0\n" * count)
    sources = [Source(str(tmp_path / "a.csv"), "a.csv", is_unlabelled=False)]
    with beam.Pipeline(options=PipelineOptions([])) as pipeline:
        rows = read_rows(pipeline, sources, DataConfig())
        for name in ("rejected", "outcomes"):
            _ = rows[name] | f"As text {name}" >> beam.Map(repr) | name >> beam.io.WriteToText(str(tmp_path / name))
    kept = [line for path in tmp_path.glob("rejected*") for line in path.open()]
    counted = Counter(line.strip() for path in tmp_path.glob("outcomes*") for line in path.open())
    assert len(kept) == MAX_KEPT_ROWS
    assert "'line': 2," in kept[0]
    assert counted == {f"(('read', 'a.csv'), {count})": 1, f"(('quarantined', 'wrong number of columns'), {count})": 1}
