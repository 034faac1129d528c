"""FER2013 with the votes of FER+: the classes by majority are those that a plain pandas script counts."""

import subprocess
import sys
from pathlib import Path

import apache_beam as beam
import pandas as pd
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from components.face_example_gen.graph import Outputs, ingest, read_vote_table
from configs.library import class_names_of
from configs.spec import DataConfig
from fer_tfx.contract import DEFAULT_CLASS_NAMES
from fer_tfx.reading.sources import Source

SHARED = Path(__file__).parents[3] / "shared"
VOTES = SHARED / "data" / "ferplus" / "fer2013new_train_public.csv.xz"
NAMES = {
    "anger": "angry", "disgust": "disgust", "fear": "fear", "happiness": "happy", "sadness": "sad",
    "surprise": "surprise", "neutral": "neutral", "contempt": "contempt",
}  # fmt: skip


def count_by_pandas() -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    """Rows by split and class, and those left out by reason; written without this project's code."""
    frame = pd.read_csv(VOTES)
    votes = frame[[*NAMES, "unknown", "NF"]]
    votes = votes.where(votes > 1, 0)
    winner = votes.idxmax(axis=1).where(votes.max(axis=1) > votes.sum(axis=1) / 2, "none")
    counts = {
        split: {NAMES[name]: int(count) for name, count in winner[frame["Usage"] == usage].value_counts().items()
                if name in NAMES}
        for usage, split in (("Training", "train"), ("PublicTest", "eval"))
    }  # fmt: skip
    reasons = {
        "none": "no majority of the votes",
        "NF": "no face, by the votes",
        "unknown": "unknown expression, by the votes",
    }
    return counts, {text: int((winner == name).sum()) for name, text in reasons.items()}


@pytest.mark.skipif(not VOTES.exists(), reason="needs FER2013 and FER+ beside the project")
def test_counts_by_majority_are_those_of_pandas(tmp_path: Path) -> None:
    table = tmp_path / "fer2013.csv"
    subprocess.run([sys.executable, SHARED / "tools" / "join_public.py", table], check=True)
    config = DataConfig(
        path=str(table),
        votes_path=str(VOTES),
        targets="majority",
        classes=(*DEFAULT_CLASS_NAMES, "contempt"),
        drop_repeats=False,
    )
    outputs = Outputs(*(str(tmp_path / name) for name in ("examples", "unlabelled", "quarantine")))
    Path(outputs.temporary).mkdir(parents=True)
    with beam.Pipeline(options=PipelineOptions([])) as pipeline:
        ingest(pipeline, [Source(str(table), table.name, is_unlabelled=False)], config, outputs)
    report, failures = outputs.read_account([], class_names_of(config), read_vote_table(config))
    assert failures == []
    report.check_balance()
    assert (report.emitted, report.left_out) == count_by_pandas()
    assert report.rows_read == 32_298
