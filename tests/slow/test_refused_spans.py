"""A window whose spans were damaged, lost or refused: the first are made anew or named, the last are left out.

The tests run in order on one root.
"""

import re
import shutil
from pathlib import Path

import pytest
from deliveries import deliver, list_window, read_sound_rows, run_spans, shift
from workshop import Workshop

from schema.drawn_faces import DrawnCsvs


@pytest.fixture(scope="module")
def rows(drawn: DrawnCsvs) -> list[str]:
    return read_sound_rows(drawn)


@pytest.fixture(scope="module")
def spans(workshop: Workshop, rows: list[str]) -> Workshop:
    """Two spans, both trained on."""
    for span, part in ((1, rows[:500]), (2, rows[500:1000])):
        deliver(workshop, span, part)
        done = run_spans(workshop)
        assert done.exit_code == 0, done.stderr
    return workshop


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
    assert re.search(r"^fer-tfx: span 1: its examples in \S+ are damaged or gone, .* no files of it", done.stderr, re.M)
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
