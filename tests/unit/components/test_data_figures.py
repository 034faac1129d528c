"""What a page shows of the quarantine, however many rows it holds, and of TFDV's anomalies."""

import json
import random
import tracemalloc
from pathlib import Path

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2

from components.artifacts import iter_quarantined
from components.data_figures import choose_quarantined, find_anomalies

REASONS = ("empty pixels", "unknown label")


def write_rows(folder: Path, count: int) -> None:
    """In two files, and in no order."""
    rows = [
        {"source": f"{line % 2}.csv", "row": line - 2, "line": line, "reason": REASONS[line % 5 == 0],
         "detail": "d" * 80, "text": "t" * 120}
        for line in random.Random(0).sample(range(2, count + 2), count)
    ]  # fmt: skip
    for name, part in (("rows-00000-of-00002.jsonl", rows[::2]), ("rows-00001-of-00002.jsonl", rows[1::2])):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in part))


def test_choose_quarantined_gives_the_first_of_each_reason(tmp_path: Path) -> None:
    write_rows(tmp_path, 100)
    found = [(row.reason, row.source, row.line) for row in choose_quarantined(str(tmp_path))]
    assert found == [
        *(("empty pixels", "0.csv", line) for line in (2, 4, 6)),
        *(("unknown label", "0.csv", line) for line in (10, 20, 30)),
    ]


def test_choose_quarantined_of_many_rows_holds_a_few(tmp_path: Path) -> None:
    write_rows(tmp_path, 20_000)
    tracemalloc.start()
    try:
        assert len(choose_quarantined(str(tmp_path))) == 6
        assert sum(1 for _ in iter_quarantined(str(tmp_path))) == 20_000
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 500_000


def test_find_anomalies_features_in_order_then_the_data_set_are_sentences():
    anomalies = text_format.Parse(
        """
        anomaly_info { key: "row" value { short_description: "Out-of-range values" description: "Row is -1." } }
        anomaly_info { key: "emotion" value { short_description: "Column dropped" description: "No label." } }
        dataset_anomaly_info { reason { short_description: "Few examples" description: "Found 3." } }
        """,
        anomalies_pb2.Anomalies(),
    )
    assert list(find_anomalies(anomalies, "eval")) == [
        "eval: emotion: Column dropped: No label.",
        "eval: row: Out-of-range values: Row is -1.",
        "eval: Few examples: Found 3.",
    ]


def test_find_anomalies_clean_statistics_find_nothing():
    assert list(find_anomalies(anomalies_pb2.Anomalies(), "train")) == []
