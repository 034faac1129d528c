"""What was refused is never learnt from and never a reference: stories of several nights, with the real command.

The tests of a workshop are one story and run in order on one root.
"""

import csv
import json
import os
import re
import shutil
from pathlib import Path

import pytest
from small_run import TINY_NETWORK
from workshop import Finished, Workshop, make_workshop

from schema.drawn_faces import DrawnSummary

# What these runs are about is which data and models they take, not how good a model of one epoch is.
LAX = {
    **TINY_NETWORK,
    "gate__min_accuracy": "0",
    "gate__min_macro_f1": "0",
    "gate__max_ece": "1",
    "gate__max_accuracy_drop": "1",
    "gate__min_eval_rows": "20",
}


@pytest.fixture(scope="module")
def rows(drawn: DrawnSummary) -> list[str]:
    """`emotion,pixels` of the sound ones of the drawn faces, each a line."""
    with Path(drawn.labelled_path).open(encoding="utf-8", newline="") as file:
        lines = [f"{row['emotion']},{row['pixels']}" for row in csv.DictReader(file)]
    return [line for line in dict.fromkeys(lines) if re.fullmatch(r"[0-6],(\d{1,3} ){2303}\d{1,3}", line)]


def write(path: Path, rows: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["emotion,pixels", *rows]) + "\n", "utf-8")
    return path


def shift(rows: list[str], one_in: int = 3) -> list[str]:
    """All rows of one class, and one in so many of the others."""
    return [row for number, row in enumerate(rows) if row.startswith("3,") or number % one_in == 0]


@pytest.fixture(scope="module")
def deliveries(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return make_workshop(tmp_path_factory.mktemp("deliveries"))


def test_shifted_data_are_refused_again_when_they_come_again(deliveries: Workshop, rows: list[str]) -> None:
    good = write(deliveries.root / "a.csv", rows[:-100])
    done = deliveries.run(good, **LAX)
    assert done.exit_code == 0, done.stderr
    shifted = write(deliveries.root / "b.csv", shift(rows))
    assert deliveries.run(shifted, **LAX).exit_code == 3
    os.utime(shifted, (1, 1))  # what TFX's fingerprint of the files goes by
    again = deliveries.run(shifted, **LAX)
    assert again.exit_code == 3
    assert "train against the data accepted last" in again.stderr
    assert len(deliveries.versions()) == 1


def test_good_data_after_refused_ones_are_accepted(deliveries: Workshop, rows: list[str]) -> None:
    done = deliveries.run(write(deliveries.root / "a.csv", rows), **LAX)
    assert done.exit_code == 0, done.stderr
    assert len(deliveries.versions()) == 2


def test_rolled_back_model_is_not_served_again_by_a_run_that_pushes_anew(deliveries: Workshop, rows: list[str]) -> None:
    before, rolled_back = deliveries.versions()
    places = ("--set", f"runtime.root={deliveries.root}")
    assert deliveries.command("rollback", *places).exit_code == 0
    done = deliveries.run(deliveries.root / "a.csv", **LAX, serving__keep_versions="4")
    assert deliveries.versions() == [before]
    assert done.exit_code == 3
    assert f"fer-tfx rollback --to {rolled_back}" in done.stderr
    assert deliveries.command("rollback", "--to", rolled_back, *places).exit_code == 0
    assert deliveries.versions() == [before, rolled_back]


def test_too_slow_network_is_refused_whatever_its_seed(deliveries: Workshop) -> None:
    slow = {
        **LAX,
        "model__stage_filters": "[32,64,128]",
        "model__convolutions_per_stage": "3",
        "gate__max_latency_ratio": "1.3",
    }
    before = deliveries.versions()
    for seed in ("1", "2"):
        done = deliveries.run(deliveries.root / "a.csv", **slow, trainer__seed=seed)
        assert done.exit_code == 3, done.stdout
        assert "times as long as the latency reference's" in done.stderr
    assert deliveries.versions() == before


def test_accepted_version_is_the_anchor_with_its_reason(deliveries: Workshop) -> None:
    places = ("--set", f"runtime.root={deliveries.root}")
    version = deliveries.versions()[0]
    done = deliveries.command("accept", version, "--reason", "the labels were mended", *places)
    assert done.exit_code == 0, done.stderr
    assert f"compared with version {version}" in done.stdout
    assert "the labels were mended" in deliveries.command("lineage", version, *places).stdout
    refused = deliveries.command("accept", "1", "--reason", "why not", *places)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert re.fullmatch(r"fer-tfx: 1: no such version was pushed, only .*\n", refused.stderr)


@pytest.fixture(scope="module")
def spans(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return make_workshop(tmp_path_factory.mktemp("spans"))


def run_spans(work: Workshop) -> Finished:
    return work.run(work.root / "data" / "span-{SPAN}" / "*.csv", **LAX, spans__window="2", data__eval_fraction="0.2")


def deliver(work: Workshop, span: int, rows: list[str]) -> Path:
    return write(work.root / "data" / f"span-{span}" / "rows.csv", rows)


def list_window(work: Workshop) -> list[int]:
    """Spans that the latest run trained on."""
    shown = work.command("lineage", work.versions()[-1], "--json", "--set", f"runtime.root={work.root}")
    trainer = json.loads(shown.stdout)["artifact"]["made_by"]
    return sorted(int(each["properties"]["span"]) for each in trainer["inputs"]["examples"])


def test_window_of_accepted_spans_is_trained_on(spans: Workshop, rows: list[str]) -> None:
    deliver(spans, 1, rows[:500])
    assert run_spans(spans).exit_code == 0
    deliver(spans, 2, rows[500:1000])
    done = run_spans(spans)
    assert done.exit_code == 0, done.stderr
    assert list_window(spans) == [1, 2]


@pytest.mark.parametrize("kind", ["truncated", "gone"])
def test_older_span_that_is_damaged_is_made_anew_from_its_source(spans: Workshop, kind: str) -> None:
    steps = count_steps(spans)
    examples = locate_examples(spans, 1)
    if kind == "truncated":
        file = next((examples / "Split-train").iterdir())
        file.write_bytes(file.read_bytes()[:-100])
    else:
        shutil.rmtree(examples)
    done = run_spans(spans)
    assert done.exit_code == 0, done.stderr
    assert "FerExampleGenOfSpan1" in done.stdout
    assert count_steps(spans) == steps


def test_older_span_whose_source_is_gone_too_stops_the_run_and_is_named(spans: Workshop) -> None:
    examples, source = locate_examples(spans, 1), spans.root / "data" / "span-1" / "rows.csv"
    kept = source.read_bytes()
    shutil.rmtree(examples)
    source.unlink()
    done = run_spans(spans)
    assert done.exit_code == 2
    assert re.search(r"^fer-tfx: span 1: its examples in \S+ are damaged or gone, and no files", done.stderr, re.M)
    source.write_bytes(kept)
    assert run_spans(spans).exit_code == 0


def test_spans_that_were_refused_are_neither_trained_on_nor_compared_with(spans: Workshop, rows: list[str]) -> None:
    deliver(spans, 3, shift(rows[1000:], one_in=6))
    assert run_spans(spans).exit_code == 3
    deliver(spans, 4, shift(rows[900:], one_in=6))
    done = run_spans(spans)
    assert done.exit_code == 3
    assert "train against the data accepted last" in done.stderr
    deliver(spans, 5, rows[1000:])
    done = run_spans(spans)
    assert done.exit_code == 0, done.stderr
    assert list_window(spans) == [2, 5]


def count_steps(work: Workshop) -> int:
    """Training steps of an epoch, as the progress of the latest run's log has them."""
    logs = sorted((work.root / "fer" / "logs").iterdir())
    text = next(text for text in (log.read_text(errors="replace") for log in reversed(logs)) if "epoch 1" in text)
    return max(int(total) for total in re.findall(r"\d+/(\d+) epoch", text))


def locate_examples(work: Workshop, span: int) -> Path:
    """The newest examples of a span."""
    folders = [*(work.root / "fer" / "artifacts").glob(f"FerExampleGenOfSpan{span}/examples/*")]
    first = sorted(
        (work.root / "fer" / "artifacts" / "FerExampleGen" / "examples").iterdir(), key=lambda each: int(each.name)
    )
    return max(folders or first[span - 1 : span], key=lambda folder: int(folder.name))
